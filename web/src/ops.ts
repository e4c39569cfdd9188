/** /ops: how the whole does. */
import { Board } from "./board.js";
import { start } from "./shell.js";

start((session, signedOut) => new Board(session, signedOut), ["operator"]);
