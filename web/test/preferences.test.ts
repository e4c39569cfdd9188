import assert from "node:assert/strict";
import { test } from "node:test";
import { faultsOf, isZone, NO_WISHES, patchOf, span, typeLine, typeTitle, windowsWith } from "../src/preferences.js";
import { rolesOf } from "../src/session.js";

const night = { from: "22:00", to: "08:00" };

test("only what was changed is sent, and null sets back", () => {
  const before = { ...NO_WISHES, quiet_hours: night, timezone: "Europe/Vienna" };
  assert.deepEqual(patchOf(before, before), {});
  assert.deepEqual(patchOf(before, { ...before, email: "always" }), { email: "always" });
  assert.deepEqual(patchOf(before, NO_WISHES), { quiet_hours: null, timezone: null });
});

test("a type that is set back is named, the others aren't touched", () => {
  const never = { email: "never", quiet_hours: null } as const;
  const before = { ...NO_WISHES, types: { "csv.import": never, "links.check": never } };
  const after = { ...NO_WISHES, types: { "links.check": never } };
  assert.deepEqual(patchOf(before, after), { types: { "csv.import": null } });
});

test("what differs for one type is told in words", () => {
  assert.equal(typeLine({ email: "never", quiet_hours: null }), "No emails.");
  assert.equal(
    typeLine({ email: "fallback", quiet_hours: night }),
    "An email if you haven't seen the end. Quiet from 22:00 to 08:00.",
  );
  assert.equal(typeTitle("Import of {file}"), "Import of …");
});

test("a wait between emails that was chosen elsewhere is among those to choose from", () => {
  assert.ok(windowsWith(90).includes(90));
  assert.deepEqual(windowsWith(900), windowsWith(null));
  assert.deepEqual([0, 90, 900, 3_600, 172_800].map(span), [
    "no wait",
    "90 seconds",
    "15 minutes",
    "1 hour",
    "2 days",
  ]);
});

test("each fault stands at its field; what belongs to none is told below", () => {
  const problem = {
    title: "Bad request",
    status: 400,
    errors: [
      { field: "timezone", message: "must be a time zone's IANA name" },
      { field: "quiet_hours.to", message: "must be a time" },
    ],
  };
  const { faults, rest } = faultsOf(problem);
  assert.equal(faults.get("timezone"), "It must be a time zone's IANA name.");
  assert.equal(faults.get("quiet_hours"), "The end must be a time.");
  assert.equal(rest, "");
  assert.equal(faultsOf({ title: "The store is away", status: 503 }).rest, "The store is away");
});

test("a zone is named once it is known", () => {
  assert.ok(isZone("Asia/Tokyo"));
  assert.ok(!isZone("tokyo"));
});

test("the roles are those of the token, and none where it can't be read", () => {
  const session = { email: "", name: "", dev: false };
  const claims = btoa(JSON.stringify({ sub: "u", roles: ["user", "support"] }));
  assert.deepEqual(rolesOf({ ...session, token: `e30.${claims}.sig` }), ["user", "support"]);
  assert.deepEqual(rolesOf({ ...session, token: "opaque" }), []);
});
