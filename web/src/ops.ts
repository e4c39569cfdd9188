/** /ops: how the whole does. */
import { Board } from "./board.js";
import { start } from "./shell.js";

start((session, ends) => new Board(session, ends), ["operator"]);
