/** Buttons of which one is pressed. */
import { h, setAttribute } from "./dom.js";

export interface Toggle<T extends string> {
  readonly element: HTMLElement;
  press(value: T): void;
}

/** The first is pressed from the start; `prefix` names them for the tests of the page. */
export function toggle<T extends string>(
  name: string,
  prefix: string,
  labels: Readonly<Record<T, string>>,
  chosen: (value: T) => void,
): Toggle<T> {
  const values = Object.keys(labels) as T[];
  const buttons = values.map((value) =>
    h("button", { type: "button", "data-testid": `${prefix}-${value}` }, labels[value]),
  );
  const press = (value: T): void => {
    buttons.forEach((button, at) => setAttribute(button, "aria-pressed", String(values[at] === value)));
    chosen(value);
  };
  buttons.forEach((button, at) => button.addEventListener("click", () => press(values[at] as T)));
  press(values[0] as T);
  return { element: h("div", { class: "toggle", role: "group", "aria-label": name }, ...buttons), press };
}
