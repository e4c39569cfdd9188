"""The table that a CSV file goes into: an SQLite database for each owner.

Rows are staged in a private database of the attempt, then published into the owner's table in
ONE transaction that also records the job's id. Guarantees:

- A process killed at any point leaves the table as it was before or after the whole import.
- A job is published at most once, however often it is run: its id is in ``_ringback_imports``.
- Imports into one table at the same time are both right: the publishing transaction holds the
  write lock, and looks again for keys that the other one has taken since.

Memory is bounded by SQLite's page caches (``CACHE``); which keys are taken is known to its
indexes, not to Python.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ringback.errors import InputError
from tasks.csv_database import CACHE, Imported, connected, find_import, quoted
from tasks.csv_file import COLUMN_LIMIT, shown
from tasks.csv_rejected import Report
from tasks.csv_rules import Cell, Kind, Problem, Rejection, Row

_AFFINITY: Mapping[Kind, str] = {
    "text": "TEXT",
    "integer": "INTEGER",
    "number": "REAL",
    "email": "TEXT",
    "date": "TEXT",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where the rows go: the table, the file's columns and their kinds, the key's index."""

    table: str
    columns: tuple[str, ...]
    kinds: tuple[Kind, ...]
    key: int | None = None


@contextmanager
def open_table(database: Path, staging: Path, job_id: str, target: Target) -> Iterator[TableImport]:
    """An import into ``target``, its rows staged in the new file ``staging``.

    Raises InputError if the table that is there doesn't fit.
    """
    with connected(database) as connection:
        connection.execute("ATTACH ? AS staging", (str(staging),))
        # The staged rows die with the attempt: nothing of them needs to survive a crash.
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE}"):
            connection.execute(f"PRAGMA staging.{pragma}")
        yield TableImport(connection, job_id, target)


class TableImport:
    """One import under way: ``stage`` rows, then inside ``publishing()``: ``late`` and ``publish``.

    Staged columns are called c0, c1, …, and a staged row's rowid is its line in the file.
    """

    def __init__(self, connection: sqlite3.Connection, job_id: str, target: Target) -> None:
        self._db = connection
        self._job_id = job_id
        self._target = target
        self._quoted = quoted(target.table)
        self._names = [f"c{i}" for i in range(len(target.columns))]
        self._key_label = "" if target.key is None else shown(target.columns[target.key])
        self._duplicate, self._known, self._repeated = _problems(target)
        self._read_table()
        self._create_staging()
        self._db.execute("BEGIN")

    # -- staging

    def stage(self, rows: Sequence[Row]) -> dict[int, Rejection]:
        """Takes rows in the order of their lines; answers those whose key is taken, by line.

        A row equal to the one that has its key is skipped, any other one failed.
        """
        before = self._db.total_changes
        self._db.executemany(self._insert, rows)
        if self._target.key is None or not rows:
            return {}
        ignored = self._db.total_changes - before < len(rows)
        taken = self._repeats(rows) if ignored else {}
        if self._comparable:
            first, last = rows[0][0], rows[-1][0]
            self._db.execute(f"{self._find_clashes} AND s.rowid BETWEEN ? AND ?", (0, first, last))
            clashes = self._clashes("clash.line BETWEEN ? AND ?", (first, last))
            taken.update((rejection.line, rejection) for rejection in clashes)
        return taken

    def _repeats(self, rows: Sequence[Row]) -> dict[int, Rejection]:
        span = (rows[0][0], rows[-1][0])
        found = self._db.execute("SELECT rowid FROM staging.rows WHERE rowid BETWEEN ? AND ?", span)
        staged = {line for (line,) in found}
        return {cast(int, row[0]): self._repeat(row) for row in rows if row[0] not in staged}

    def _repeat(self, row: Row) -> Rejection:
        assert self._target.key is not None
        key = row[self._target.key + 1]
        marks = ", ".join("?" * len(self._names))
        first, same = self._db.execute(
            f"SELECT rowid, ({', '.join(self._names)}) IS ({marks}) FROM staging.rows "
            f"WHERE c{self._target.key} = ?",
            (*row[1:], key),
        ).fetchone()
        if same:
            return self._turned_away(row[0], self._repeated, f"the same as line {first:,}")
        return self._turned_away(
            row[0], self._duplicate, f"{self._said_key(key)} is already on line {first:,}"
        )

    def _clashes(self, where: str, values: Sequence[Cell] = ()) -> Iterator[Rejection]:
        found = self._db.execute(
            f"SELECT clash.line, clash.same, s.c{self._target.key} FROM staging.clash "
            f"JOIN staging.rows AS s ON s.rowid = clash.line WHERE {where} ORDER BY clash.line",
            values,
        )
        for line, same, key in found:
            there = f"{self._said_key(key)} is already in the table {self._target.table}"
            if same:
                yield self._turned_away(line, self._known, there)
            else:
                yield self._turned_away(line, self._duplicate, f"{there}, with other values")

    def _turned_away(self, line: Cell, problem: Problem, reason: str) -> Rejection:
        return Rejection(cast(int, line), problem, reason, problem.action)

    def _said_key(self, key: Cell) -> str:
        return f"{self._key_label} “{shown(str(key))}”"

    # -- publishing

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """The one transaction of publishing: all or nothing, and no other import meanwhile."""
        self._db.execute("COMMIT")
        self._db.execute(f"PRAGMA staging.cache_size = -{CACHE // 8}")  # from here on read in order
        self._db.execute("PRAGMA shrink_memory")
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def recorded(self) -> Imported | None:
        """What an older attempt of this job has published, if it came first."""
        return find_import(self._db, self._job_id)

    def late(self) -> Iterator[Rejection]:
        """Rows whose key another import has taken since they were staged, by line."""
        if not self._waiting():
            return
        self._read_table()  # another import may have made or changed it
        self._ensure_table()
        if self._comparable:
            self._db.execute(f"{self._find_clashes}", (1,))
            yield from self._clashes("clash.late")

    def publish(self, report: Report) -> Imported:
        """Copies the staged rows into the table and records the import; after ``late``."""
        added = self._waiting()
        if added:
            self._copy()
        imported = Imported(self._target.table, added, self._row_count(), self._columns(), report)
        self._db.execute(
            "INSERT INTO main._ringback_imports (job_id, table_name, added, table_rows, columns, "
            "report) VALUES (?, ?, ?, ?, ?, ?)",
            (self._job_id, imported.table, added, imported.rows, json.dumps(imported.columns),
             report.to_json()),
        )  # fmt: skip
        return imported

    def _waiting(self) -> int:
        sql = "SELECT (SELECT count(*) FROM staging.rows) - (SELECT count(*) FROM staging.clash)"
        return int(self._db.execute(sql).fetchone()[0])

    def _copy(self) -> None:
        into = ", ".join(quoted(self._name(column)) for column in self._target.columns)
        self._db.execute(
            f"INSERT INTO main.{self._quoted} ({into}) SELECT {', '.join(self._names)} "
            "FROM staging.rows AS s "
            "WHERE NOT EXISTS (SELECT 1 FROM staging.clash WHERE line = s.rowid) ORDER BY s.rowid"
        )
        self._ensure_key()  # after the rows of a new table: sorting once is faster

    def _row_count(self) -> int:
        if not self._exists:
            return 0
        return int(self._db.execute(f"SELECT count(*) FROM main.{self._quoted}").fetchone()[0])

    def _columns(self) -> tuple[str, ...]:
        found = self._db.execute(f"PRAGMA main.table_info({self._quoted})")
        return tuple(name for _, name, *_ in found)

    # -- the table and the staged copy of it

    def _read_table(self) -> None:
        """What the table is like now; raises InputError if the file doesn't fit it."""
        found = self._db.execute(f"PRAGMA main.table_info({self._quoted})").fetchall()
        self._present: dict[str, tuple[str, str]] = {
            name.lower(): (name, kind) for _, name, kind, *_ in found
        }
        self._exists = bool(found)
        self._key = self._key_of_table()
        _check_fit(self._target, self._key, [name for name, _ in self._present.values()])
        if self._exists and self._target.key is not None and self._key is None:
            self._check_unique()
        self._comparable = self._key is not None and self._target.key is not None
        self._insert = (
            f"INSERT OR IGNORE INTO staging.rows (rowid, {', '.join(self._names)}) "
            f"VALUES ({', '.join('?' * (len(self._names) + 1))})"
        )
        self._find_clashes = self._clash_query()

    def _key_of_table(self) -> str | None:
        index = quoted(_index_name(self._target.table))
        found = self._db.execute(f"PRAGMA main.index_info({index})").fetchone()
        return str(found[2]) if found else None

    def _check_unique(self) -> None:
        key = quoted(self._key_name())
        found = self._db.execute(
            f"SELECT {key} FROM main.{self._quoted} WHERE {key} IS NOT NULL "
            f"GROUP BY {key} HAVING count(*) > 1 LIMIT 1"
        ).fetchone()
        if found:
            raise InputError(
                f"The table {self._target.table} already has several rows with "
                f"{self._said_key(found[0])}, so {shown(self._key_name())} can't become its key.",
                code="key_not_unique",
                action="Import into a new table, or choose another key.",
                field="key",
                value=self._key_name(),
            )

    def _clash_query(self) -> str:
        """Staged rows whose key is in the table; columns the table lacks count as empty there."""
        if not self._comparable:
            return ""
        theirs = [
            f"t.{quoted(self._name(column))}" if column.lower() in self._present else "NULL"
            for column in self._target.columns
        ]
        ours = ", ".join(f"s.{name}" for name in self._names)
        # CROSS JOIN: SQLite keeps this order, staged rows outside, one index look-up for each.
        return (
            f"INSERT INTO staging.clash (line, same, late) "
            f"SELECT s.rowid, ({ours}) IS ({', '.join(theirs)}), ? FROM staging.rows AS s "
            f"CROSS JOIN main.{self._quoted} AS t "
            f"ON t.{quoted(self._key_name())} = s.c{self._target.key} "
            f"WHERE NOT EXISTS (SELECT 1 FROM staging.clash WHERE line = s.rowid)"
        )

    def _create_staging(self) -> None:
        # The table's own types where it has the column: then both sides compare alike.
        columns = ", ".join(
            f"{name} {self._type(column, kind)}"
            for name, column, kind in zip(
                self._names, self._target.columns, self._target.kinds, strict=True
            )
        )
        self._db.execute(f"CREATE TABLE staging.rows ({columns})")
        self._db.execute(
            "CREATE TABLE staging.clash (line INTEGER PRIMARY KEY, same INTEGER, late INTEGER)"
        )
        if self._target.key is not None:
            self._db.execute(f"CREATE UNIQUE INDEX staging.by_key ON rows (c{self._target.key})")

    def _ensure_table(self) -> None:
        missing = [
            (column, kind)
            for column, kind in zip(self._target.columns, self._target.kinds, strict=True)
            if column.lower() not in self._present
        ]
        if not self._exists:
            columns = ", ".join(f"{quoted(name)} {_AFFINITY[kind]}" for name, kind in missing)
            self._db.execute(f"CREATE TABLE main.{self._quoted} ({columns})")
        else:
            for name, kind in missing:
                self._db.execute(
                    f"ALTER TABLE main.{self._quoted} ADD COLUMN {quoted(name)} {_AFFINITY[kind]}"
                )
            self._ensure_key()
        self._read_table()

    def _ensure_key(self) -> None:
        if self._target.key is not None:
            index, key = quoted(_index_name(self._target.table)), quoted(self._key_name())
            self._db.execute(
                f"CREATE UNIQUE INDEX IF NOT EXISTS main.{index} ON {self._quoted} ({key})"
            )

    def _name(self, column: str) -> str:
        """The column as the table spells it."""
        name, _ = self._present.get(column.lower(), (column, ""))
        return name

    def _key_name(self) -> str:
        assert self._target.key is not None
        return self._name(self._target.columns[self._target.key])

    def _type(self, column: str, kind: Kind) -> str:
        _, declared = self._present.get(column.lower(), ("", _AFFINITY[kind]))
        return declared


def _index_name(table: str) -> str:
    return f"_ringback_key_{table.lower()}"  # no table can be called so: they start with a letter


def _check_fit(target: Target, table_key: str | None, present: Sequence[str]) -> None:
    """Raises InputError if the file's key isn't the table's, or there are too many columns."""
    key = None if target.key is None else target.columns[target.key]
    if table_key is not None and (key or "").lower() != table_key.lower():
        without = "has no key" if key is None else f"has the key {shown(key)}"
        raise InputError(
            f"The table {target.table} has the key {shown(table_key)}, and this import {without}.",
            code="other_key",
            action=f"Choose the key {shown(table_key)}, or import into a new table.",
            field="key",
            value=key,
        )
    names = {name.lower() for name in (*present, *target.columns)}
    if len(names) > COLUMN_LIMIT:
        raise InputError(
            f"The table {target.table} would have {len(names):,} columns; {COLUMN_LIMIT:,} "
            "are possible.",
            code="too_many_columns",
            action="Import into a new table, or delete the columns that you don't need.",
            field="table",
            value=target.table,
        )


def _problems(target: Target) -> tuple[Problem, Problem, Problem]:
    """Duplicate key, row known to the table, row repeated in the file."""
    key = "key" if target.key is None else shown(target.columns[target.key])
    return (
        Problem(
            "duplicate_key", "failed",
            f"{{count}} rows have the same {key} as another row",
            f"1 row has the same {key} as another row",
            f"Give each row its own {key}, or delete the row, and import the rejected rows again",
        ),
        Problem(
            "already_in_table", "skipped",
            f"{{count}} rows were already in the table {target.table}",
            f"1 row was already in the table {target.table}",
        ),
        Problem(
            "repeated_row", "skipped",
            "{count} rows repeat an earlier row of the file",
            "1 row repeats an earlier row of the file",
        ),
    )  # fmt: skip
