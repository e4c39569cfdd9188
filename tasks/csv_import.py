"""The job type ``csv.import``: a CSV file into a table, bad rows handed back to be corrected.

Safe to kill and run again at any point; see ``tasks.csv_table`` for how.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import starmap
from typing import Annotated, Any

from pydantic import Field

from ringback.declare import job
from ringback.files import File
from ringback.item import Item
from ringback.job import Link, Result
from ringback.run import Run
from tasks.csv_database import TABLE_NAME, Imported, check_table_name, owner_database, recorded
from tasks.csv_file import CsvFile, Record, open_csv
from tasks.csv_rejected import Rejections
from tasks.csv_rules import Kind, Problem, Rejection, Row, Rules
from tasks.csv_table import TableImport, Target, open_table

TableName = Annotated[
    str,
    Field(
        pattern=f"^{TABLE_NAME}$",
        description="a table's name: a letter, then up to 62 letters, digits or _, like customers",
    ),
]
#: Rows, and characters of values, that go to SQLite at once; the second bounds memory.
BATCH_ROWS = 500
BATCH_SIZE = 1 << 21
#: Rows between two checkpoints while the file is read for the first time.
COUNTED = 50_000


@job(
    "csv.import",
    title="Import of {file.name}",
    idempotent=True,
    resume=False,  # what an attempt has staged goes with it
    max_attempts=5,
    unit="rows",
    steps=3,
    unique_key="{table}",
    cancel_warning="If you cancel, no row of this file is added.",
)
def import_csv(
    run: Run,
    *,
    file: File,
    table: TableName,
    key: str | None = None,
    required: list[str] | None = None,
    types: dict[str, Kind] | None = None,
) -> Result:
    """Imports a CSV file into a table of your own, all valid rows at once at the end.

    Rows that break a rule come back as a file to correct and import again. With a key column,
    rows that the table already has are skipped; without one, every row is added.
    """
    check_table_name(table)
    database = owner_database(run.data_dir, run.owner.id)
    published = recorded(database, run.job_id)
    if published:  # the attempt before died between publishing and telling
        return _told_again(run, published)
    with run.step("Reading the file"):
        source = open_csv(file.path, file.name)
        rules = Rules(source.columns, key=key, required=required or (), types=types)
        total = _counted(run, source)
    run.kept("Stopped before any row was added. Import the file again whenever you like.")
    target = Target(table, source.columns, rules.kinds, rules.key)
    with (
        Rejections(run.workspace / "rejected.csv", source) as rejections,
        open_table(database, run.workspace / "staged.sqlite3", run.job_id, target) as importing,
    ):
        with run.step("Checking rows"):
            rows = checked(source.records(), rules, importing, rejections)
            for item in run.items(rows, total=total):
                if item.value:
                    _turn_away(item, item.value.problem, item.value.example)
        with run.step("Publishing", cancellable=False):
            imported = _published(run, source, importing, rejections, total)
            return _result(run, imported)


def checked(
    records: Iterable[Record], rules: Rules, importing: TableImport, rejections: Rejections
) -> Iterator[Rejection | None]:
    """Checks and stages the records; yields for each, in order, why it was turned away or None."""
    for batch in _batches(records):
        verdicts = list(starmap(rules.check, batch))
        rows: list[Row] = [verdict for verdict in verdicts if isinstance(verdict, list)]
        taken = importing.stage(rows)
        for (line, values), verdict in zip(batch, verdicts, strict=True):
            rejection = verdict if isinstance(verdict, Rejection) else taken.get(line)
            if rejection:
                rejections.add(rejection, values)
            yield rejection


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += sum(map(len, record[1]))
        if len(batch) == BATCH_ROWS or size > BATCH_SIZE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _counted(run: Run, source: CsvFile) -> int:
    """All records of the file: an exact total, and broken quotes are found before anything is
    done. About 1 s for a million rows."""
    count = 0
    for count, _ in enumerate(source.records(), 1):
        if not count % COUNTED:
            run.message(f"{count:,} rows read")
    if not count:
        raise source.without_rows()
    return count


def _published(
    run: Run, source: CsvFile, importing: TableImport, rejections: Rejections, total: int
) -> Imported:
    with importing.publishing():
        published = importing.recorded()
        if published:  # an attempt thought dead was only slow, and came first
            return published
        late = _late(source, importing, rejections)
        for item in run.items(late, total=total, progress=lambda: total):  # the bar stays full
            _turn_away(item, item.value.problem, item.value.example)
        rejections.close()
        report = replace(rejections.report(), links=_rejected_links(run, source, rejections))
        return importing.publish(report)


def _late(source: CsvFile, importing: TableImport, rejections: Rejections) -> Iterator[Rejection]:
    """Rows whose key another import took after they were checked here. Their values as they
    came are read again from the file, whose lines come in the same order."""
    records = source.records()
    for rejection in importing.late():
        values = next(values for line, values in records if line == rejection.line)
        rejections.add(rejection, values)
        yield rejection


def _turn_away(item: Item[Any], problem: Problem, example: str) -> None:
    mark = item.skip if problem.outcome == "skipped" else item.fail
    mark(problem.code, problem.message, one=problem.one, action=problem.action, example=example)


def _rejected_links(run: Run, source: CsvFile, rejections: Rejections) -> tuple[Link, ...]:
    failed = rejections.report().count("failed")
    if not failed:
        return ()
    stem = source.name.rpartition(".")[0] or source.name
    link = run.publish_file(
        rejections.path,
        name=f"{stem}-rejected.csv",
        label=f"Download the {_rows(failed, 'rejected row')}",
        content_type="text/csv; charset=utf-8",
    )
    return (link,)


def _told_again(run: Run, imported: Imported) -> Result:
    report = imported.report
    total = imported.added + report.count("failed") + report.count("skipped")
    with run.step("Publishing", cancellable=False):
        for item in run.items(report.retold(), total=total, progress=lambda: total):
            _turn_away(item, *item.value)
        return _result(run, imported)


def _result(run: Run, imported: Imported) -> Result:
    report = imported.report
    failed, skipped = report.count("failed"), report.count("skipped")
    run.recount(succeeded=imported.added, failed=failed, skipped=skipped)
    return run.result(
        _summary(imported, failed, skipped), [_table_link(run, imported), *report.links]
    )


def _summary(imported: Imported, failed: int, skipped: int) -> str:
    if imported.added:
        return f"{_rows(imported.added)} imported into {imported.table}"
    if failed:
        return f"No rows imported into {imported.table}: {_rows(failed, 'row')} to correct"
    return f"Nothing new for {imported.table}: {_rows(skipped)} skipped"


def _table_link(run: Run, imported: Imported) -> Link:
    path = run.workspace / "table.json"
    facts = {
        "table": imported.table, "rows": imported.rows, "columns": imported.columns,
        "added": imported.added,
    }  # fmt: skip
    path.write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return run.publish_file(
        path,
        name=f"{imported.table}.json",
        label=f"Table {imported.table}: {_rows(imported.rows)}",
        content_type="application/json",
    )


def _rows(count: int, noun: str = "row") -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
