// The yardstick: what one would write with socket.io on Node to push the same events to the same
// clients, without recovery, receipts, bounds or sign-in: `node bench/baseline.mjs STORE_URL PORT`.
import { createServer } from "node:http";
import { createClient } from "redis";
import { Server } from "socket.io";

const [url, port] = process.argv.slice(2);
const http = createServer();
const io = new Server(http, { transports: ["websocket"] });
io.on("connection", (socket) => socket.join(socket.handshake.auth.user));

const subscriber = createClient({ url });
await subscriber.connect();
await subscriber.pSubscribe("rb:{*}:events:*", (packet, channel) => {
  const [event, view, cursor] = JSON.parse(packet.slice(2));
  io.to(channel.slice(channel.indexOf(":events:") + 8)).emit(event, view, cursor);
});

http.listen(Number(port), "127.0.0.1", () => console.log("ready"));
process.on("SIGTERM", () => process.exit(0));
