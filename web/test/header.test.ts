import assert from "node:assert/strict";
import { test } from "node:test";
import { isTableName, originOf, readHeader, tableNameFor } from "../src/header.js";

function columns(text: string): readonly string[] | null {
  const header = readHeader(new TextEncoder().encode(text));
  return header.kind === "columns" ? header.columns : null;
}

test("columns are read with any of the four delimiters", () => {
  assert.deepEqual(columns("id,name\n1,Ada\n"), ["id", "name"]);
  assert.deepEqual(columns("id;name;x,y\r\n"), ["id", "name", "x,y"]);
  assert.deepEqual(columns("id\tname\n"), ["id", "name"]);
  assert.deepEqual(columns("id|name"), ["id", "name"]);
});

test("quoted names keep delimiters, line ends and doubled quotes", () => {
  assert.deepEqual(columns('"last, first","a ""b""","two\nlines"\n1,2,3\n'), [
    "last, first",
    'a "b"',
    "two\nlines",
  ]);
});

test("a byte order mark is not part of the first name", () => {
  assert.deepEqual(columns("\ufeffid,name\n"), ["id", "name"]);
  const utf16 = new Uint8Array([
    0xff,
    0xfe,
    ...new Uint8Array(new Uint16Array([..."id,n"].map((char) => char.charCodeAt(0))).buffer),
  ]);
  assert.deepEqual(readHeader(utf16), { kind: "columns", columns: ["id", "n"], corrected: false });
});

test("latin-1 names are read as such", () => {
  assert.deepEqual(readHeader(new Uint8Array([0x66, 0xfc, 0x72, 0x2c, 0x62])), {
    kind: "columns",
    columns: ["für", "b"],
    corrected: false,
  });
});

test("the columns added to rejected rows are not offered, but tell what the file is", () => {
  const header = readHeader(new TextEncoder().encode("id,ringback_line,ringback_reason,ringback_action\n"));
  assert.deepEqual(header, { kind: "columns", columns: ["id"], corrected: true });
});

test("rejected rows go by the name of the file they come from", () => {
  assert.equal(originOf("customers-rejected.csv"), "customers.csv");
  assert.equal(originOf("customers-rejected (1).csv"), "customers.csv");
  assert.equal(originOf("customers.csv"), "customers.csv");
});

test("a workbook is refused with what to do instead", () => {
  const header = readHeader(new Uint8Array([0x50, 0x4b, 0x03, 0x04, 0]));
  assert.equal(header.kind, "refused");
  assert.match(header.kind === "refused" ? header.message : "", /Save the sheet as CSV/);
});

test("a header the page can't read is left to the import", () => {
  assert.equal(readHeader(new TextEncoder().encode("id,id\n")).kind, "unknown");
  assert.equal(readHeader(new TextEncoder().encode("id,,x\n")).kind, "unknown");
});

test("table names derived from file names are always accepted", () => {
  const names = [
    "customers.csv",
    "2024 Kunden-Liste.csv",
    "Übersicht.CSV",
    "名簿.csv",
    "_x.csv",
    `${"a".repeat(90)}.csv`,
    ".csv",
  ];
  for (const name of names) assert.ok(isTableName(tableNameFor(name)), `${name} -> ${tableNameFor(name)}`);
  assert.equal(tableNameFor("2024 Kunden-Liste.csv"), "t_2024_Kunden_Liste");
  assert.equal(tableNameFor("Übersicht.CSV"), "Ubersicht");
});
