/** Shelf: all messages by what happened; one is open. */
import { h, setAttribute } from "../dom.js";
import { when } from "../measure.js";
import { button } from "../press.js";
import { grouped, originLine, titleOf, troubleLine } from "./said.js";
import type { Listed } from "./shapes.js";

export class Shelf {
  readonly #groups = h("div", { class: "groups" });
  readonly #items = new Map<string, HTMLButtonElement>();
  readonly element: HTMLElement;

  constructor(
    private readonly choose: (name: string) => void,
    copy: () => void,
  ) {
    const more = button("New copy for one job type…", "plain small", "studio-new", copy);
    this.element = h("nav", { class: "shelf", "aria-label": "Messages" }, this.#groups, more);
  }

  show(messages: readonly Listed[], opened: string, changed: (name: string) => boolean): void {
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["name"] : undefined;
    this.#items.clear();
    this.#groups.replaceChildren(...grouped(messages).map((group) => this.#group(group.title, group.messages, changed)));
    this.point(opened);
    if (focused) this.#items.get(focused)?.focus({ preventScroll: true });
  }

  /** Says which one is open. */
  point(name: string): void {
    for (const [one, item] of this.#items) setAttribute(item, "aria-current", one === name ? "true" : false);
  }

  /** Says whether a message has words that weren't published. */
  change(name: string, changed: boolean): void {
    const mark = this.#items.get(name)?.querySelector<HTMLElement>(".unsaved");
    if (mark) mark.hidden = !changed;
  }

  #group(title: string, messages: readonly Listed[], changed: (name: string) => boolean): HTMLElement {
    return h(
      "section",
      {},
      h("h2", {}, title),
      h("ul", {}, ...messages.map((message) => h("li", {}, this.#item(message, changed(message.name))))),
    );
  }

  #item(message: Listed, changed: boolean): HTMLButtonElement {
    const trouble = troubleLine(message.errors, message.warnings);
    const at = message.published_at ? when(message.published_at) : undefined;
    const item = h(
      "button",
      { type: "button", "data-testid": "studio-message", "data-name": message.name },
      h("span", { class: "strong" }, titleOf(message)),
      h("span", { class: "quiet purpose" }, message.purpose),
      h(
        "span",
        { class: "marks" },
        h("span", { class: "chip small", "data-origin": message.origin }, originLine(message.origin, message.published_by, at)),
        trouble ? h("span", { class: "chip small", "data-level": message.errors ? "error" : "warning" }, trouble) : null,
        h("span", { class: "chip small unsaved", hidden: !changed }, "Not published"),
      ),
    );
    item.addEventListener("click", () => this.choose(message.name));
    this.#items.set(message.name, item);
    return item;
  }
}
