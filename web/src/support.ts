/** /support: look at a user's page, and act for them. */
import { Desk } from "./desk.js";
import { start } from "./shell.js";

start((session, ends) => new Desk(session, ends), ["support"]);
