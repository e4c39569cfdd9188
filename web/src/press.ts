/** Buttons that ask the server for something: one request at a time, and words while it lasts. */
import { h, setAttribute } from "./dom.js";

/** A button; `testId` names it for the tests of the page. */
export function button(label: string, kind: string, testId: string, pressed: (it: HTMLButtonElement) => void) {
  const element = h("button", { type: "button", class: `button ${kind}`, "data-testid": testId }, label);
  element.addEventListener("click", () => {
    if (!element.getAttribute("aria-disabled")) pressed(element);
  });
  return element;
}

/** Shows `busy` on a button until `action` is through. It keeps the focus, but takes no click. */
export async function whileBusy(element: HTMLButtonElement, busy: string, action: () => Promise<unknown>) {
  const label = element.textContent ?? "";
  setAttribute(element, "aria-disabled", "true");
  element.textContent = busy;
  await action();
  element.textContent = label;
  setAttribute(element, "aria-disabled", false);
}
