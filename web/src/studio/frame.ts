/** Frame: the HTML part of an email as a mail program shows it: so wide, in light or in dark. */
import { h } from "../dom.js";

export const WIDTHS = { desktop: 640, mobile: 375 } as const;
export type Screen_ = keyof typeof WIDTHS;
export type Scheme = "light" | "dark";

const DARK = /\(\s*prefers-color-scheme\s*:\s*dark\s*\)/g;

export class Frame {
  readonly element = h("div", { class: "stage", tabindex: "0", role: "region", "aria-label": "The email" });
  #shown: HTMLIFrameElement | undefined;
  #html = "";
  #screen: Screen_ = "desktop";
  #scheme: Scheme = "light";

  constructor() {
    new ResizeObserver(() => this.#fit()).observe(this.element);
  }

  show(html: string, screen: Screen_, scheme: Scheme): void {
    if (html === this.#html && screen === this.#screen && scheme === this.#scheme) return;
    [this.#html, this.#screen, this.#scheme] = [html, screen, scheme];
    this.#load(forced(html, scheme), WIDTHS[screen]);
  }

  /** The old one stays in view until the new one is there: nothing flickers, nothing scrolls. */
  #load(srcdoc: string, width: number): void {
    for (const late of this.element.querySelectorAll(".coming")) late.remove();
    // No scripts, no forms. Of the same origin, so that its height can be known; links open in
    // a new tab, which is then an ordinary page.
    const frame = h("iframe", {
      sandbox: "allow-same-origin allow-popups allow-popups-to-escape-sandbox",
      srcdoc,
      title: "The email as HTML",
      class: "coming",
      width: String(width),
    });
    frame.addEventListener("load", () => {
      if (!frame.isConnected) return;
      this.#shown?.remove();
      this.#shown = frame;
      frame.className = "";
      frame.dataset["testid"] = "studio-html";
      this.#fit();
    });
    this.element.append(frame);
  }

  /** Makes it as high as its email, and smaller where the page is narrower. */
  #fit(): void {
    const frame = this.#shown;
    const page = frame?.contentDocument?.documentElement;
    if (!frame || !page || !this.element.clientWidth) return;
    const scale = Math.min(1, this.element.clientWidth / WIDTHS[this.#screen]);
    frame.style.height = "0"; // a page is never lower than its frame
    const height = page.scrollHeight;
    frame.style.height = `${height}px`;
    frame.style.transform = `scale(${scale})`;
    frame.style.marginBlockEnd = `${-Math.floor(height * (1 - scale))}px`;
    // What has become smaller takes less room; what hasn't stands in the middle.
    frame.style.marginInline = scale < 1 ? `0 ${-Math.floor(WIDTHS[this.#screen] * (1 - scale))}px` : "auto";
  }
}

/** The email as it looks in one colour scheme, whatever that of this browser is. */
function forced(html: string, scheme: Scheme): string {
  const page = new DOMParser().parseFromString(html, "text/html"); // runs nothing, loads nothing
  const media = scheme === "dark" ? "all" : "not all";
  for (const style of page.querySelectorAll("style")) style.textContent = style.textContent.replace(DARK, media);
  for (const meta of page.querySelectorAll('meta[name$="color-scheme" i], meta[name$="color-schemes" i]'))
    meta.setAttribute("content", scheme);
  page.head.prepend(Object.assign(page.createElement("base"), { target: "_blank" }));
  return `<!doctype html>${page.documentElement.outerHTML}`;
}
