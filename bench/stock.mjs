// The stock client doing what bench/clients.py does: `node bench/stock.mjs PLAN`.
import { readFileSync } from "node:fs";
import { io } from "socket.io-client";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const late = [];
let received = 0;

const sockets = Object.entries(plan.tokens).map(([user, token]) =>
  io(plan.url, { auth: { token, user }, transports: ["websocket"], forceNew: true }),
);
await Promise.all(sockets.map((socket) => new Promise((done) => socket.once("connect", done))));

const timer = setTimeout(finish, plan.within * 1000);
for (const socket of sockets) {
  socket.on("job", (view) => {
    const now = process.hrtime.bigint(); // CLOCK_MONOTONIC, as in the publisher
    const [number, sent] = view.message.split(" ");
    received += 1;
    if (Number(number) >= plan.warm) late.push(Number(now - BigInt(sent)) / 1e6);
    if (received === plan.events) finish();
  });
}
console.log("ready");

function finish() {
  clearTimeout(timer);
  for (const socket of sockets) socket.close();
  console.log(JSON.stringify({ received, late }));
}
