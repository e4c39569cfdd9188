/** Saving: the words as files, for whoever keeps them in a folder of templates. */
import { save as hand } from "../api.js";
import { words, type Draft } from "./draft.js";
import { zip } from "./zip.js";

/** Hands all files of a message to the browser's downloads, in the folder they belong to. */
export function save({ detail, files }: Draft): void {
  const named = Object.entries(words(files)).map(([file, text]) => [`${detail.name}/${file}`, text]);
  hand(zip(Object.fromEntries(named) as Record<string, string>), `${detail.name}.zip`);
}
