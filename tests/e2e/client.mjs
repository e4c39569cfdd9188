// The stock client, driven by a test: commands come as JSON lines on stdin, and everything that
// the client notices goes out as JSON lines on stdout.
//   {"do":"open","url":…,"options":{…}}   io(url, options)
//   {"do":"emit","id":1,"args":[…]}       emit with an ack -> {"kind":"ack","id":1,"value":…}
//   {"do":"move","url":…}                 where the next reconnect goes (a balancer's other node)
//   {"do":"sign_in","token":…}            drops the transport; it comes back with this token
//   {"do":"close"}                        leaves
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { io } = createRequire(new URL("../../web/", import.meta.url))("socket.io-client");
const say = (kind, facts) => process.stdout.write(JSON.stringify({ kind, ...facts }) + "\n");
let socket;

const commands = {
  open({ url, options }) {
    socket = io(url, { reconnectionDelay: 50, reconnectionDelayMax: 200, ...options });
    socket.io.on("open", () => {
      const { engine } = socket.io;
      say("open", { transport: engine.transport.name });
      engine.on("upgrade", (transport) => say("upgrade", { transport: transport.name }));
    });
    socket.on("connect", () => say("connect", { id: socket.id, recovered: socket.recovered }));
    socket.on("disconnect", (reason) => say("disconnect", { reason }));
    socket.on("connect_error", ({ message, data }) => say("connect_error", { message, data }));
    socket.onAny((name, ...args) => say("event", { name, args }));
  },
  emit({ id, args }) {
    socket.emit(...args, (value) => say("ack", { id, value }));
  },
  move({ url }) {
    socket.io.uri = url;
  },
  sign_in({ token }) {
    socket.auth = { token };
    socket.io.engine.close();
  },
  close() {
    socket.disconnect();
  },
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    commands[command.do](command);
  })
  .on("close", () => process.exit());
