/** The live connection: a stock Socket.IO client and what this page does with it. */
import { io, type Socket } from "socket.io-client";
import type { Expiring } from "./renewal.js";
import type { Session } from "./session.js";
import type { JobView, Problem } from "./view.js";

export type Ack =
  { readonly ok: true; readonly job?: JobView } | { readonly ok: false; readonly problem: Problem };

export interface Listener {
  /** The list of jobs: `reset` replaces what the page shows, else these are added. */
  /** `user`: whose jobs these are, during a watch. */
  jobs(jobs: readonly JobView[], reset: boolean, user?: string): void;
  job(view: JobView): void;
  online(recovered: boolean): void;
  offline(): void;
  /** The token ends soon; `show` gives the gateway another. */
  expiring(event: Expiring, show: (token: string) => Promise<Problem | null>): void;
  /** The token is missing, expired or refused. */
  refused(problem: Problem): void;
}

interface JobsEvent {
  readonly jobs: readonly JobView[];
  readonly reset: boolean;
  readonly user?: string;
}

const ACK_TIMEOUT_MS = 10_000;
const REOPEN_AFTER_MS = 3_000;

const NO_ANSWER: Problem = {
  title: "No answer from the server",
  status: 0,
  detail:
    "The server hasn't answered. Wait until this page is connected again, then look at your jobs before you repeat this.",
};

export class Connection {
  readonly #socket: Socket;
  readonly #listener: Listener;
  #since: string | undefined;
  #reopen: ReturnType<typeof setTimeout> | undefined;

  constructor(session: Session, listener: Listener) {
    this.#listener = listener;
    this.#socket = io({
      autoConnect: false,
      auth: (answer) =>
        answer({ token: session.token, ...(this.#since ? { since: this.#since } : {}) }),
      transports: ["websocket", "polling"],
      // Without this a network that blocks WebSocket never gets as far as polling.
      tryAllTransports: true,
      reconnectionDelay: 500,
      reconnectionDelayMax: 5_000,
    });
    this.#listen();
  }

  open(): void {
    this.#socket.connect();
  }

  close(): void {
    clearTimeout(this.#reopen);
    document.removeEventListener("visibilitychange", this.#tellPresence);
    this.#socket.disconnect();
  }

  /**
   * Sends an event and waits for its ack. It may arrive more than once when `tries` is above 1,
   * so that is for events the gateway takes once only (an idempotency key, a cancel).
   */
  async request(
    event: "submit" | "cancel" | "retry" | "watch" | "auth:refresh",
    payload: unknown,
    tries: number,
  ): Promise<Ack> {
    for (let attempt = 0; attempt < tries; attempt += 1) {
      try {
        return (await this.#socket.timeout(ACK_TIMEOUT_MS).emitWithAck(event, payload)) as Ack;
      } catch {
        // No ack in time, or the connection broke under it: the next emit waits for the reconnect.
      }
    }
    return { ok: false, problem: NO_ANSWER };
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on("jobs", (event: JobsEvent, cursor?: string) => {
      this.#keep(cursor);
      this.#listener.jobs(event.jobs, event.reset, event.user);
    });
    socket.on("job", (view: JobView, cursor?: string) => {
      this.#keep(cursor);
      this.#listener.job(view);
    });
    socket.on("auth:expiring", (event: Expiring) => this.#listener.expiring(event, this.#show));
    socket.on("connect", () => this.#connected());
    socket.on("disconnect", (reason) => this.#disconnected(reason));
    socket.on("connect_error", (error) => this.#failed(error));
    document.addEventListener("visibilitychange", this.#tellPresence);
  }

  /** The cursor after which a later connection of this page should continue; not kept across page loads, as the list isn't. */
  #keep(cursor: string | undefined): void {
    if (typeof cursor === "string") this.#since = cursor;
  }

  #connected(): void {
    this.#tellPresence();
    this.#listener.online(this.#socket.recovered);
  }

  #disconnected(reason: Socket.DisconnectReason): void {
    if (reason === "io client disconnect") return;
    this.#listener.offline();
    if (reason === "io server disconnect") this.#reopenSoon();
  }

  #failed(error: Error & { data?: unknown }): void {
    const problem = asProblem(error);
    if (problem.status === 401 || problem.status === 403) {
      this.close();
      this.#listener.refused(problem);
      return;
    }
    this.#listener.offline();
    // The stock client comes back by itself, except where the server refused the namespace.
    if (!this.#socket.active) this.#reopenSoon();
  }

  #reopenSoon(): void {
    clearTimeout(this.#reopen);
    this.#reopen = setTimeout(() => this.#socket.connect(), REOPEN_AFTER_MS * (0.5 + Math.random()));
  }

  readonly #show = async (token: string): Promise<Problem | null> => {
    const ack = await this.request("auth:refresh", { token }, 1);
    return ack.ok ? null : ack.problem;
  };

  readonly #tellPresence = (): void => {
    if (!this.#socket.connected) return;
    this.#socket.emit("presence", { state: document.visibilityState === "visible" ? "active" : "away" });
  };
}

function asProblem(error: Error & { data?: unknown }): Problem {
  const data = (error.data ?? {}) as Partial<Problem>;
  return { title: error.message, status: 0, ...data };
}
