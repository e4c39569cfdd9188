"""An owner's SQLite database: where it is, how it is opened, which imports it has seen."""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ringback.errors import InputError
from tasks.csv_file import shown
from tasks.csv_rejected import Report

#: Seconds that an import waits for another one's publishing to end.
BUSY = 300
#: KiB of page cache for the staged rows (their key's index wants it) and for the table.
CACHE = 32_000

TABLE_NAME = "[A-Za-z][A-Za-z0-9_]{0,62}"
_IMPORTS = """
CREATE TABLE IF NOT EXISTS main._ringback_imports (
    job_id TEXT PRIMARY KEY, table_name TEXT, added INTEGER, table_rows INTEGER, columns TEXT,
    report TEXT, at TEXT DEFAULT CURRENT_TIMESTAMP
)"""


@dataclass(frozen=True, slots=True)
class Imported:
    """A published import: rows added by it, and the table's rows and columns just after it."""

    table: str
    added: int
    rows: int
    columns: tuple[str, ...]
    report: Report


def owner_database(data_dir: Path, owner_id: str) -> Path:
    """The database of one owner; nobody else's import can name it."""
    digest = hashlib.sha256(owner_id.encode()).hexdigest()[:16]
    return data_dir / "tables" / f"{digest}.sqlite3"


def check_table_name(table: str) -> None:
    """Raises InputError unless ``table`` can name a table."""
    if not re.fullmatch(TABLE_NAME, table):
        reason = f"“{shown(table)}” can't be the name of a table."
    elif table.lower().startswith("sqlite_"):  # https://www.sqlite.org/lang_createtable.html
        reason = f"“{table}” can't be the name of a table: SQLite keeps “sqlite_…” for itself."
    else:
        return
    raise InputError(
        reason,
        code="bad_table_name",
        action="Use a letter first, then letters, digits and _, at most 63 characters, "
        "for example customers_2026.",
        field="table",
        value=table,
    )


def recorded(database: Path, job_id: str) -> Imported | None:
    """The import that this job has already published, if any."""
    with connected(database) as connection:
        return find_import(connection, job_id)


def find_import(connection: sqlite3.Connection, job_id: str) -> Imported | None:
    """The import that this job has already published, if any."""
    found = connection.execute(
        "SELECT table_name, added, table_rows, columns, report FROM main._ringback_imports "
        "WHERE job_id = ?",
        (job_id,),
    ).fetchone()
    if not found:
        return None
    table, added, rows, columns, report = found
    return Imported(table, added, rows, tuple(json.loads(columns)), Report.from_json(report))


@contextmanager
def connected(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection to an owner's database, made if it isn't there; transactions are explicit."""
    database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    connection = sqlite3.connect(database, timeout=BUSY, isolation_level=None)
    try:
        _use_wal(database, connection)
        connection.execute(f"PRAGMA main.cache_size = -{CACHE}")
        connection.execute("PRAGMA journal_size_limit = 16777216")
        connection.execute(_IMPORTS)
        yield connection
    finally:
        connection.close()


def _use_wal(database: Path, connection: sqlite3.Connection) -> None:
    """Readers and a writer at once. SQLite's busy timeout doesn't cover the switch itself, so
    imports that open a new database together take turns at it."""
    with database.with_suffix(".lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        connection.execute("PRAGMA main.journal_mode = WAL")


def quoted(name: str) -> str:
    """An SQL identifier: https://www.sqlite.org/lang_keywords.html."""
    return '"' + name.replace('"', '""') + '"'
