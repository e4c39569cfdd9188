"""What jobs did in the world, counted outside the store: a SQLite file that outlives every kill."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE starts (job TEXT, attempt INTEGER, pid INTEGER, at REAL);
CREATE TABLE effects (key TEXT PRIMARY KEY, job TEXT, item INTEGER);
CREATE TABLE tries (job TEXT, attempt INTEGER, item INTEGER, at REAL);
CREATE TABLE notes (job TEXT, attempt INTEGER, what TEXT, at REAL);
CREATE INDEX starts_job ON starts (job);
CREATE INDEX effects_job ON effects (job);
CREATE INDEX tries_job ON tries (job);
"""
BUSY = 60.0  #: seconds that a writer waits for the others


class Page:
    """What one attempt writes; each entry is whole or isn't there."""

    def __init__(self, connection: sqlite3.Connection, job_id: str, attempt: int) -> None:
        self._connection = connection
        self._attempt = (job_id, attempt)

    def start(self) -> None:
        """The attempt runs, in this process."""
        self._write("INSERT INTO starts VALUES (?, ?, ?, ?)", os.getpid(), time.time())

    def do(self, item: int, key: str) -> None:
        """The effect of an item, once per key, and that it was tried."""
        job_id, _ = self._attempt
        with self._transaction():
            self._connection.execute(
                "INSERT OR IGNORE INTO effects VALUES (?, ?, ?)", (key, job_id, item)
            )
            self._write("INSERT INTO tries VALUES (?, ?, ?, ?)", item, time.time())

    def note(self, what: str) -> None:
        """Something to remember."""
        self._write("INSERT INTO notes VALUES (?, ?, ?, ?)", what, time.time())

    def _write(self, statement: str, *values: Any) -> None:
        self._connection.execute(statement, (*self._attempt, *values))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        # immediate: a reader that becomes a writer isn't made to wait, it fails
        self._connection.execute("BEGIN IMMEDIATE")
        yield  # an exception closes the connection, and that rolls back
        self._connection.execute("COMMIT")


@dataclass(frozen=True, slots=True)
class Ledger:
    """The file. Any number of processes write to it."""

    path: Path

    def create(self) -> Ledger:
        """Makes the tables."""
        with self._open() as connection:
            connection.executescript(SCHEMA)
        return self

    @contextmanager
    def page(self, job_id: str, attempt: int) -> Iterator[Page]:
        """An attempt's own page."""
        with self._open() as connection:
            yield Page(connection, job_id, attempt)

    def ask(self, question: str, *values: Any) -> list[tuple[Any, ...]]:
        """Reads."""
        with self._open() as connection:
            return connection.execute(question, values).fetchall()

    def count(self, question: str, *values: Any) -> int:
        """The one number that ``question`` is answered with."""
        return int(self.ask(question, *values)[0][0])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = OFF")  # processes die here, not the machine
            yield connection
        finally:
            connection.close()
