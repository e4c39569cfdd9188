"""Writing into a table: exactly once, whoever dies or comes at the same time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ringback.errors import InputError
from tasks.csv_database import Imported, check_table_name, owner_database, recorded
from tasks.csv_file import open_csv
from tasks.csv_import import checked
from tasks.csv_rejected import Rejections
from tasks.csv_rules import Kind, Rejection, Rules
from tasks.csv_table import TableImport, Target, open_table

DATA = Path(__file__).parent / "data"


def target_of(columns: str, key: str | None = "id", **types: Kind) -> Target:
    rules = Rules(columns.split(","), key=key, types=types)
    return Target("customers", rules.columns, rules.kinds, rules.key)


class Desk:
    """Imports into one database, each with a staging file of its own, as attempts have."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = owner_database(path, "ann")

    def open(self, target: Target, job: str) -> Any:
        return open_table(self.database, self.path / f"{uuid4()}.sqlite3", job, target)

    def load(
        self, target: Target, *rows: tuple[Any, ...], job: str | None = None
    ) -> tuple[Imported, list[Rejection]]:
        with self.open(target, job or str(uuid4())) as importing:
            staged = [[line, *row] for line, row in enumerate(rows, 2)]
            taken = list(importing.stage(staged).values())
            return publish(importing, taken)

    def rows(self, columns: str = "*") -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.database) as connection:
            return connection.execute(f"SELECT {columns} FROM customers").fetchall()


def publish(importing: TableImport, taken: list[Rejection]) -> tuple[Imported, list[Rejection]]:
    with importing.publishing():
        published = importing.recorded()
        if published:
            return published, taken
        taken += importing.late()
        with Rejections(Path(os.devnull), open_csv(DATA / "csv_mixed.csv", "x")) as rejections:
            for rejection in taken:
                rejections.add(rejection, [])
        return importing.publish(rejections.report()), taken


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_new_table_gets_the_columns_types_and_rows_of_the_file(desk: Desk) -> None:
    imported, _ = desk.load(target_of("id,name,age", age="integer"), ("1", "Ann", 31))
    assert (imported.added, imported.rows) == (1, 1)
    assert imported.columns == ("id", "name", "age")
    assert desk.rows("id, name, age, typeof(age)") == [("1", "Ann", 31, "integer")]


def test_importing_the_same_rows_twice_skips_all_of_them(desk: Desk) -> None:
    rows = [(str(i), f"name {i}" if i % 3 else None) for i in range(50)]
    desk.load(target_of("id,name"), *rows)
    imported, taken = desk.load(target_of("id,name"), *rows)
    assert (imported.added, imported.rows) == (0, 50)
    assert {r.problem.code for r in taken} == {"already_in_table"}
    assert imported.report.count("skipped") == 50


def test_a_taken_key_with_other_values_fails_and_shows_the_key(desk: Desk) -> None:
    desk.load(target_of("id,name"), ("1", "Ann"))
    imported, (rejection,) = desk.load(target_of("id,name"), ("1", "Bob"), ("2", "Cy"))
    assert (imported.added, desk.rows()) == (1, [("1", "Ann"), ("2", "Cy")])
    assert rejection.problem.code == "duplicate_key"
    assert rejection.example == (
        "line 2: id “1” is already in the table customers, with other values"
    )


def test_a_key_used_twice_in_the_file_fails_with_the_first_line(desk: Desk) -> None:
    _, (rejection,) = desk.load(target_of("id,name"), ("1", "Ann"), ("1", "Bob"))
    assert (rejection.problem.code, rejection.problem.outcome) == ("duplicate_key", "failed")
    assert rejection.example == "line 3: id “1” is already on line 2"
    assert desk.rows() == [("1", "Ann")]


def test_a_row_repeated_in_the_file_is_skipped(desk: Desk) -> None:
    _, (rejection,) = desk.load(target_of("id,name"), ("1", None), ("1", None))
    assert (rejection.problem.code, rejection.problem.outcome) == ("repeated_row", "skipped")
    assert rejection.example == "line 3: the same as line 2"


def test_without_a_key_every_row_is_added(desk: Desk) -> None:
    target = target_of("id,name", key=None)
    desk.load(target, ("1", "Ann"), ("1", "Ann"))
    assert desk.load(target, ("1", "Ann"))[0].rows == 3


def test_columns_that_the_table_lacks_are_added_to_it(desk: Desk) -> None:
    desk.load(target_of("id,name"), ("1", "Ann"))
    imported, _ = desk.load(target_of("ID,city"), ("2", "Bern"))
    assert imported.columns == ("id", "name", "city")
    assert desk.rows() == [("1", "Ann", None), ("2", None, "Bern")]


def test_a_value_in_a_new_column_makes_a_known_row_a_different_one(desk: Desk) -> None:
    desk.load(target_of("id,name"), ("1", "Ann"), ("2", "Bob"))
    target = target_of("id,name,city")
    _, taken = desk.load(target, ("1", "Ann", "Bern"), ("2", "Bob", None))
    assert [r.problem.code for r in taken] == ["duplicate_key", "already_in_table"]


def test_values_compare_as_the_table_stores_them(desk: Desk) -> None:
    desk.load(target_of("id,age", id="integer", age="number"), (7, 1.5))
    _, taken = desk.load(target_of("id,age"), ("7", "1.50"), ("07", "2"))
    assert [r.problem.code for r in taken] == ["duplicate_key", "already_in_table"]


def test_another_key_than_the_tables_is_refused(desk: Desk) -> None:
    desk.load(target_of("id,name"), ("1", "Ann"))
    for key, said in (("name", "has the key name"), (None, "has no key")):
        with pytest.raises(InputError, match=f"has the key id, and this import {said}"):
            desk.load(target_of("id,name", key=key), ("2", "Bob"))


def test_a_key_that_isnt_unique_in_the_table_is_refused_with_an_example(desk: Desk) -> None:
    desk.load(target_of("id,name", key=None), ("1", "Ann"), ("1", "Bob"))
    with pytest.raises(InputError, match="already has several rows with id “1”"):
        desk.load(target_of("id,name"), ("2", "Cy"))


def test_a_table_made_without_a_key_can_get_one(desk: Desk) -> None:
    desk.load(target_of("id,name", key=None), ("1", "Ann"))
    _, taken = desk.load(target_of("id,name"), ("1", "Ann"), ("2", "Bob"))
    assert [r.problem.code for r in taken] == ["already_in_table"]
    assert desk.rows() == [("1", "Ann"), ("2", "Bob")]


def test_two_thousand_columns_fit_and_one_more_doesnt(desk: Desk) -> None:
    columns = ",".join(["id", *(f"c{i}" for i in range(1_999))])
    row = ("1", *("x" * 1_999))
    desk.load(target_of(columns), row)
    assert desk.load(target_of(columns), row)[1][0].problem.code == "already_in_table"
    with pytest.raises(InputError, match="would have 2,001 columns"):
        desk.load(target_of("id,other"), ("2", "x"))


def test_column_names_are_only_names(desk: Desk) -> None:
    nasty = 'x" TEXT); DROP TABLE customers; --'
    desk.load(target_of(f"id,{nasty},rowid,select,{{count}}"), ("1", "a", "b", "c", "d"))
    imported, taken = desk.load(target_of(f"id,{nasty},rowid"), ("1", "a", "b"), ("2", "c", "d"))
    assert imported.columns == ("id", nasty, "rowid", "select", "{count}")
    assert [r.problem.code for r in taken] == ["already_in_table"]


@pytest.mark.parametrize(
    "name", ["", "1a", "a b", "a;b", "ä", "_ringback_imports", "a" * 64, "a\n", "sqlite_master"]
)
def test_a_name_that_no_table_can_have_is_refused(name: str) -> None:
    with pytest.raises(InputError) as caught:
        check_table_name(name)
    assert (caught.value.field, caught.value.value) == ("table", name)
    assert "customers_2026" in caught.value.action


def test_owners_have_databases_of_their_own(tmp_path: Path) -> None:
    assert owner_database(tmp_path, "ann") != owner_database(tmp_path, "../ann")
    assert owner_database(tmp_path, "../ann").parent == tmp_path / "tables"


def test_a_job_that_runs_again_publishes_nothing_more(desk: Desk) -> None:
    target = target_of("id,name", key=None)
    first, _ = desk.load(target, ("1", "Ann"), job="job-1")
    again, _ = desk.load(target, ("1", "Ann"), job="job-1")
    assert again == first == recorded(desk.database, "job-1")
    assert desk.rows() == [("1", "Ann")]


def test_if_no_row_is_left_the_table_isnt_touched(desk: Desk) -> None:
    imported, _ = desk.load(target_of("id,name"))
    assert (imported.added, imported.rows, imported.columns) == (0, 0, ())


def test_keys_taken_between_check_and_publishing_are_found_at_publishing(desk: Desk) -> None:
    target = target_of("id,name")
    with desk.open(target, "slow") as slow:
        assert slow.stage([[2, "1", "Ann"], [3, "2", "Bob"], [4, "3", "Cy"]]) == {}
        desk.load(target, ("1", "Ann"), ("2", "somebody else"))
        imported, taken = publish(slow, [])
    assert imported.added == 1
    assert [(r.line, r.problem.code) for r in taken] == [
        (2, "already_in_table"),
        (3, "duplicate_key"),
    ]
    assert desk.rows() == [("1", "Ann"), ("2", "somebody else"), ("3", "Cy")]


def test_imports_into_one_table_at_once_are_all_right(desk: Desk) -> None:
    target = target_of("id,name")
    rows = [(str(i), f"name {i}") for i in range(200)]
    with ThreadPoolExecutor(6) as pool:
        spans = [rows[i * 20 : i * 20 + 100] for i in range(6)]
        done = [f.result() for f in [pool.submit(desk.load, target, *span) for span in spans]]
    assert sum(imported.added for imported, _ in done) == 200
    assert sorted(desk.rows()) == sorted(rows)
    assert {r.problem.code for _, taken in done for r in taken} == {"already_in_table"}


def killed_before_commit(path: Path) -> None:
    with Desk(path).open(target_of("id,name"), "job-1") as importing:
        importing.stage([[2, "1", "Ann"]])
        with importing.publishing():
            publish_inside(importing)
            os.kill(os.getpid(), signal.SIGKILL)


def killed_after_commit(path: Path) -> None:
    with Desk(path).open(target_of("id,name"), "job-1") as importing:
        importing.stage([[2, "1", "Ann"]])
        publish(importing, [])
        os.kill(os.getpid(), signal.SIGKILL)


def killed_while_staging(path: Path) -> None:
    with Desk(path).open(target_of("id,name"), "job-1") as importing:
        importing.stage([[2, "1", "Ann"]])
        os.kill(os.getpid(), signal.SIGKILL)


def publish_inside(importing: TableImport) -> None:
    list(importing.late())
    with Rejections(Path(os.devnull), open_csv(DATA / "csv_mixed.csv", "x")) as rejections:
        importing.publish(rejections.report())


@pytest.mark.parametrize(
    ("death", "published"),
    [(killed_while_staging, False), (killed_before_commit, False), (killed_after_commit, True)],
)
def test_killed_at_any_point_and_run_again_each_row_is_there_once(
    desk: Desk, death: Callable[[Path], None], published: bool
) -> None:
    process = multiprocessing.get_context("spawn").Process(target=death, args=(desk.path,))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    assert (recorded(desk.database, "job-1") is not None) is published
    imported, taken = desk.load(target_of("id,name"), ("1", "Ann"), job="job-1")
    assert imported.added == 1
    assert desk.rows() == [("1", "Ann")]
    assert [r.problem.code for r in taken] == (["already_in_table"] if published else [])


def test_a_file_with_every_fault_is_sorted_out_row_by_row(desk: Desk) -> None:
    source = open_csv(DATA / "csv_mixed.csv", "mixed.csv")
    rules = Rules(
        source.columns,
        key="id",
        required=["name"],
        types={"email": "email", "age": "integer", "joined": "date"},
    )
    target = Target("customers", source.columns, rules.kinds, rules.key)
    path = desk.path / "rejected.csv"
    with desk.open(target, "job") as importing, Rejections(path, source) as rejections:
        verdicts = list(checked(source.records(), rules, importing, rejections))
        imported, _ = publish(importing, [])
    assert [v and v.problem.code for v in verdicts] == [
        None,
        "missing_name",
        "bad_email",
        "too_few_values",
        "repeated_row",
        "duplicate_key",
        "empty_row",
        "too_many_values",
    ]
    assert imported.added == 1
    assert [line.split(",")[0] for line in path.read_text("utf-8-sig").splitlines()] == [
        "id", "2", "3", "4", "1", "5",
    ]  # fmt: skip
