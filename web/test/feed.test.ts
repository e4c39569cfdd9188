import assert from "node:assert/strict";
import { test } from "node:test";
import { Feed } from "../src/feed.js";
import type { JobState, JobView } from "../src/view.js";

function job(id: string, version: number, state: JobState, at: string): JobView {
  return {
    id,
    version,
    state,
    type: "csv.import",
    title: id,
    created_at: "2026-03-01T12:00:00Z",
    updated_at: `2026-03-01T12:00:${at}Z`,
  };
}

test("an older or repeated version is ignored", () => {
  const feed = new Feed();
  feed.put(job("a", 5, "succeeded", "05"));
  assert.equal(feed.put(job("a", 4, "running", "04")), null);
  assert.equal(feed.put(job("a", 5, "running", "05")), null);
  assert.equal(feed.get("a")?.state, "succeeded");
});

test("a change tells the state before it", () => {
  const feed = new Feed();
  assert.equal(feed.put(job("a", 1, "queued", "01"))?.before, null);
  assert.equal(feed.put(job("a", 2, "running", "02"))?.before, "queued");
});

test("progress does not move a job, a new state does", () => {
  const feed = new Feed();
  feed.put(job("a", 1, "running", "01"));
  feed.put(job("b", 1, "running", "02"));
  feed.put(job("a", 2, "running", "03"));
  assert.deepEqual(
    feed.newestFirst().map((view) => view.id),
    ["b", "a"],
  );
  feed.put(job("a", 3, "succeeded", "04"));
  assert.deepEqual(
    feed.newestFirst().map((view) => view.id),
    ["a", "b"],
  );
});

test("a reset tells which known jobs have ended meanwhile", () => {
  const feed = new Feed();
  feed.put(job("a", 1, "running", "01"));
  feed.put(job("b", 1, "running", "01"));
  const changes = feed.reset([
    job("a", 4, "succeeded", "09"),
    job("b", 3, "running", "09"),
    job("c", 1, "failed", "09"),
  ]);
  assert.deepEqual(
    changes.map(({ view, before }) => [view.id, before]),
    [["a", "running"]],
  );
});

test("a reset replaces the list even with lower versions", () => {
  const feed = new Feed();
  feed.put(job("a", 9, "running", "01"));
  feed.put(job("b", 9, "running", "01"));
  feed.reset([job("a", 1, "queued", "09")]);
  assert.deepEqual(
    feed.newestFirst().map((view) => [view.id, view.version]),
    [["a", 1]],
  );
});
