/** New copy: words of one message for jobs of one type only. */
import { problemText } from "../api.js";
import { h } from "../dom.js";
import { Dialog } from "./dialog.js";
import type { Office } from "./office.js";
import { grouped, titleOf } from "./said.js";
import type { Listed } from "./shapes.js";

/** Asks for which; `chosen` gets the name of the message. */
export async function askForCopy(office: Office, messages: readonly Listed[], chosen: (name: string) => void): Promise<void> {
  const general = messages.filter(({ about, type }) => !type && about !== "digest" && about !== "test");
  const message = h("select", { id: "studio-new-message", "data-testid": "studio-new-message" });
  message.append(
    ...grouped(general).map(({ title, messages: mine }) =>
      h("optgroup", { label: title }, ...mine.map((one) => h("option", { value: one.about }, titleOf(one)))),
    ),
  );
  const type = h("select", { id: "studio-new-type", "data-testid": "studio-new-type" });
  const dialog = new Dialog(
    "New copy for one job type",
    "studio-new-dialog",
    h("p", {}, "Jobs of this type get words of their own; all others keep the general ones. You begin with the words they get now."),
    field("What happened", message),
    field("Job type", type),
  );
  const begin = dialog.act("Begin", "…", "studio-new-begin", async () => {
    dialog.close();
    chosen(`${message.value}.${type.value}`);
    return "";
  });
  dialog.open();
  const answer = await office.types();
  const types = answer.ok ? answer.value.types : [];
  type.replaceChildren(...types.map(({ name, title }) => h("option", { value: name }, title && title !== name ? `${name}: ${title}` : name)));
  if (types.length) return;
  begin.setAttribute("aria-disabled", "true");
  dialog.fault(answer.ok ? "No worker has declared a job type yet. Start a worker, then try again." : problemText(answer.problem));
}

function field(label: string, control: HTMLElement): HTMLElement {
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control);
}
