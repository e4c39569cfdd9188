/** The studio's page. */
import { start } from "../shell.js";
import { Studio } from "./studio.js";

start((session, ends) => new Studio(session, ends), ["author"]);
