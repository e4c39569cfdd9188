/** /support: look at a user's page, and act for them. */
import { Desk } from "./desk.js";
import { start } from "./shell.js";

start((session, signedOut) => new Desk(session, signedOut), ["support"]);
