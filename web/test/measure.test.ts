import assert from "node:assert/strict";
import { test } from "node:test";
import { about, bytes, clock, counted, exactly, left, soon, when } from "../src/measure.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const NOON = new Date(2026, 2, 1, 12, 0);

function after(ms: number): string {
  return new Date(NOON.getTime() + ms).toISOString();
}

test("one is one, and all else is many", () => {
  assert.deepEqual([0, 1, 2].map((n) => counted(n, "user")), ["0 users", "1 user", "2 users"]);
});

test("a time of another day says the day", () => {
  assert.match(when(NOON.toISOString(), NOON), /^at 12:00/);
  assert.match(when(NOON.toISOString(), new Date(2026, 2, 3)), /^on .*Mar.*12:00/);
  assert.match(exactly(NOON.toISOString(), NOON), /^12:00:00/);
  assert.equal(clock("soon"), "soon");
});

test("how long it takes is told in steps that don't tick", () => {
  const waits = [9 * SECOND, 59 * SECOND, 61 * SECOND, 100 * SECOND, 14 * MINUTE, 88 * MINUTE, 11.4 * HOUR];
  assert.deepEqual(waits.map(about), [
    "a few seconds",
    "less than a minute",
    "about 1 minute",
    "about 2 minutes",
    "about 15 minutes",
    "about 1½ hours",
    "about 11 hours",
  ]);
});

test("a wait that rounds up to the next unit is told in that unit", () => {
  assert.equal(about(59 * MINUTE), "about 1 hour");
});

test("what comes soon is told by its distance, what comes late by its time", () => {
  assert.equal(soon(after(-MINUTE), NOON), "in a moment");
  assert.equal(soon(after(40 * SECOND), NOON), "in less than a minute");
  assert.equal(soon(after(2 * MINUTE), NOON), "in about 2 minutes");
  assert.match(soon(after(2 * HOUR), NOON), /^at 2:00/);
});

test("an end that should have come already isn't told", () => {
  assert.equal(left(after(2 * MINUTE), NOON), "about 2 minutes left");
  assert.equal(left(after(0), NOON), "");
});

test("sizes are rounded to what a person needs", () => {
  assert.equal(bytes(1), "1 byte");
  assert.equal(bytes(64_200), "64 kB");
  assert.equal(bytes(104_857_600), "104.9 MB");
});
