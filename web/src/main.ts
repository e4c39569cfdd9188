/** The activity page: sign in, then follow your jobs. */
import { Activity } from "./activity.js";
import { start } from "./shell.js";

start((session, { signedOut }) => new Activity(session, signedOut));
