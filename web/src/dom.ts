/** Building and changing nodes. Data only ever becomes text nodes and attributes, never markup. */

type Child = Node | string | null;
type Attributes = Readonly<Record<string, string | boolean>>;

/** An element with attributes (`true`: present, `false`: absent) and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function setAttribute(element: Element, name: string, value: string | boolean): void {
  if (value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value))
    element.setAttribute(name, value === true ? "" : value);
}

/** Sets an element's text and hides it when there is none; equal text touches nothing. */
export function say(element: HTMLElement, text: string): void {
  keep(element, text);
  element.hidden = text === "";
}

/** The same, but what was shown keeps its place when its text goes: nothing below it moves. */
export function keep(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
  if (text) element.hidden = false;
}

export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element #${id}`);
  return element;
}

/** Rebuilds a node's children only when what they show has changed, so focus and clicks survive. */
export class Fill<T> {
  #shown = "";

  constructor(
    readonly element: HTMLElement,
    private readonly build: (value: T) => readonly Node[],
  ) {
    element.hidden = true;
  }

  show(value: T): void {
    const key = JSON.stringify(value);
    if (key === this.#shown) return;
    this.#shown = key;
    const nodes = this.build(value);
    this.element.replaceChildren(...nodes);
    this.element.hidden = nodes.length === 0;
  }
}
