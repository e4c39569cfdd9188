"""Pipelines with real processes: one thread is enough, and who dies doesn't matter."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis

from ringback import store
from ringback.client import Client
from ringback.errors import UnknownJobType
from ringback.instant import Instant
from ringback.job import Job, Owner, State
from ringback.keys import due_key
from tests.e2e.client import rest
from tests.e2e.look import ended, job_of, make_due, notice_of, story
from tests.faults.case import configure
from tests.rig import WITHIN, Process, Rig, until
from tests.test_docs import block

JOBS = "tests.pipelines"
NESTED = ["sequence", "a", ["parallel", "b", ["sequence", "c", "d"]], "e"]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A worker with one thread, two supervisors, a gateway, and mail."""
    whole = Rig(tmp_path_factory.mktemp("pipelines"))
    configure(whole, "appendfsync", "always")
    whole.own["THREADS"] = "1"
    whole.inbox()
    whole.mailer()
    whole.gateway()
    whole.supervisor()
    whole.supervisor()
    yield whole
    whole.close()


@pytest.fixture
def worker(rig: Rig) -> Iterator[Process]:
    """The worker."""
    process = rig.worker(JOBS)
    yield process
    process.thaw()
    process.kill()


class Ledger:
    """What the steps of one pipeline did, in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def lets(self, name: str) -> None:
        """Lets a step that waits go on."""
        Path(f"{self.path}.{name}").touch()

    @property
    def lines(self) -> list[str]:
        """All that was done."""
        return self.path.read_text().splitlines()

    def of(self, what: str) -> list[str]:
        """The steps to which it happened."""
        return [line.split()[1] for line in self.lines if line.startswith(what)]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty one."""
    return Ledger(tmp_path / "ledger")


Submit = Callable[..., str]


@pytest.fixture
def submit(rig: Rig, ledger: Ledger) -> Submit:
    """Submits a pipeline for a user."""

    def one(kind: str, plan: list[Any], user: str = "ann") -> str:
        owner = Owner(id=user, email=f"{user}@example.com")
        with Client(rig.settings) as client:
            params = {"ledger": str(ledger.path), "plan": plan}
            return client.submit(kind, owner=owner, params=params).id

    return one


def children(rig: Rig, job_id: str) -> list[Job]:
    """The jobs of a pipeline, steps first."""
    course = job_of(rig, job_id).course
    assert course is not None
    return [job_of(rig, c.id) for c in (*course.children, *course.undone) if c is not None]


def attempts(rig: Rig, job_id: str) -> list[int]:
    return [child.attempt for child in children(rig, job_id)]


@pytest.mark.usefixtures("worker")
def test_one_thread_is_enough_for_a_nested_pipeline(
    rig: Rig, ledger: Ledger, submit: Submit
) -> None:
    job = ended(rig, submit("pipe.stops", NESTED))
    assert (job.state, job.counts.succeeded, job.progress.done) == (State.SUCCEEDED, 10, 5)
    assert ledger.of("end")[0] == "a"
    assert ledger.of("end")[-1] == "e"
    assert sorted(ledger.of("end")) == ["a", "b", "c", "d", "e"]
    assert ledger.lines.index("end c") < ledger.lines.index("begin d")
    assert attempts(rig, job.id) == [1] * 5


@pytest.mark.usefixtures("worker")
def test_the_user_gets_one_email_for_the_whole(rig: Rig, submit: Submit) -> None:
    job_id = submit("pipe.continues", ["parallel", "a partial", "b fails", "c"], "mia")
    assert notice_of(rig, job_id).state == "sent"
    (email,) = rig.emails("mia@example.com")
    assert email["Subject"] == "Whole: 3 done, 1 failed"
    body = email.get_body(("plain",))
    assert body is not None
    assert "1 of 3 steps failed: “Step b”: b is wrong." in " ".join(body.get_content().split())
    for child in children(rig, job_id):
        assert child.notice is not None
        assert child.notice.reason == "Told with its pipeline."


@pytest.mark.usefixtures("worker")
def test_what_was_done_is_undone_the_last_first(rig: Rig, ledger: Ledger, submit: Submit) -> None:
    plan = ["sequence", "a", ["parallel", "b waits", "c"], "d stays", "e fails", "f"]
    job_id = submit("pipe.undoes", plan)
    until(lambda: "begin b" in ledger.lines, what="b runs")
    ledger.lets("b")
    ledger.lets("d")
    job = ended(rig, job_id)
    assert ledger.of("undo") == [n for n in reversed(ledger.of("end")) if n != "d"]
    assert (job.state, job.error and job.error.message) == (State.FAILED, "e is wrong.")
    assert job.result is not None
    assert "1 step wasn't attempted" in job.result.summary
    assert "Can't be undone and was kept: “Step d”." in job.result.summary
    assert "f" not in ledger.of("begin")


@pytest.mark.usefixtures("worker")
def test_a_cancel_midway_stops_undoes_and_tells(rig: Rig, ledger: Ledger, submit: Submit) -> None:
    job_id = submit("pipe.undoes", ["sequence", "a", "b waits", "c"])
    until(lambda: "begin b" in ledger.lines, what="b runs")
    token = rig.token("ann")
    running = until(lambda: _child(rig, job_id, "b"), what="the pipeline knows of b")
    refused = rest("POST", f"{rig.url}/api/v1/jobs/{running}/cancel", token, {})
    assert (refused.status, refused.json["job"]) == (409, job_id)
    assert rest("GET", f"{rig.url}/api/v1/jobs/{running}", token).json["parent"] == job_id

    assert rest("POST", f"{rig.url}/api/v1/jobs/{job_id}/cancel", token, {}).status == 202
    job = ended(rig, job_id)
    assert (job.state, ledger.of("undo")) == (State.CANCELLED, ["a"])
    assert job.result is not None
    assert job.result.summary == (
        "Cancelled after 1 of 3 steps; 1 step wasn't attempted. Everything done before was undone: "
        "“Step a”."
    )
    listed = rest("GET", f"{rig.url}/api/v1/jobs?limit=200", token).json["jobs"]
    assert not {child.id for child in children(rig, job_id)} & {view["id"] for view in listed}


def _child(rig: Rig, job_id: str, name: str) -> str | None:
    course = job_of(rig, job_id).course
    found = (c.id for c in course.children if c and c.title == f"Step {name}") if course else ()
    return next(iter(found), None)


@pytest.mark.usefixtures("worker")
def test_a_step_is_retried_alone_and_the_pipeline_tells_why_it_waits(
    rig: Rig, ledger: Ledger, submit: Submit
) -> None:
    job_id = submit("pipe.stops", ["sequence", "a stumbles", "b"])
    until(lambda: "a met nobody." in job_of(rig, job_id).message, what="the reason is shown")
    (child,) = children(rig, job_id)
    assert job_of(rig, job_id).state is State.RUNNING
    make_due(rig, "retry", child.id)
    assert ended(rig, job_id).state is State.SUCCEEDED
    assert attempts(rig, job_id) == [2, 1]
    assert ledger.of("begin") == ["a", "a", "b"]


@pytest.mark.usefixtures("worker")
def test_a_pipelines_time_ends_its_steps(rig: Rig, ledger: Ledger, submit: Submit) -> None:
    job_id = submit("pipe.hurries", ["sequence", "a", "b waits", "c"])
    until(lambda: "begin b" in ledger.lines, what="b runs")
    long_ago = job_of(rig, job_id).created_at.after(-(10**9))
    rig.do(store.update(job_id, lambda job: _since(job, long_ago)))
    job = ended(rig, job_id)
    assert (job.state, job.error and job.error.code) == (State.FAILED, "timeout")
    assert ledger.of("undo") == ["a"]


def _since(job: Job, moment: Instant) -> Job:
    return replace(job, started_at=moment)


@pytest.mark.usefixtures("worker")
def test_a_plan_that_cannot_work_fails_in_words_and_starts_nothing(rig: Rig) -> None:
    owner = Owner(id="ann")
    with Client(rig.settings) as client:
        for how in ("empty", "unknown"):
            job = ended(rig, client.submit("pipe.wrong", owner=owner, params={"how": how}).id)
            assert (job.state, job.course, job.attempt) == (State.FAILED, None, 1)
            assert job.error is not None
            assert (job.error.code, job.error.category) == ("bad_plan", "system")


@pytest.mark.usefixtures("worker")
def test_what_undoes_is_not_for_submitting(rig: Rig, submit: Submit) -> None:
    with pytest.raises(UnknownJobType):
        submit("pipe.step.undo", [])
    listed = rest("GET", f"{rig.url}/api/v1/types", rig.token("ann")).json["types"]
    assert "pipe.step" in {kind["name"] for kind in listed}
    assert "pipe.step.undo" not in {kind["name"] for kind in listed}


# -- who dies


#: The commit that a worker dies over: the nth that claims a job or moves a pipeline ("claim"), or
#: that ends an attempt.
DEATHS = [
    *(("after-claim", nth) for nth in range(1, 7)),
    *(("after-end", nth) for nth in range(1, 4)),
]


@pytest.mark.parametrize(("point", "nth"), DEATHS)
def test_a_worker_killed_over_any_commit_of_a_pipeline_is_no_loss(
    rig: Rig, ledger: Ledger, submit: Submit, point: str, nth: int
) -> None:
    mortal = _mortal(rig, point, nth)
    job_id = submit("pipe.undoes", ["sequence", "a", "b", "c fails", "d"])
    assert mortal.popen.wait(WITHIN) == -9, mortal.log
    _let_pass(rig, job_id, "lease")
    worker = rig.worker(JOBS)
    until(lambda: _ended_soon(rig, job_id), what=f"{job_id} ends")
    worker.kill()

    job = job_of(rig, job_id)
    assert job.result is not None
    assert job.result.summary == (
        "Stopped after step 3 of 4, “Step c”: c is wrong; 1 step wasn't attempted. Everything done "
        "before was undone: “Step b” and “Step a”."
    )
    assert [child.state.value for child in children(rig, job_id)] == [
        "succeeded", "succeeded", "failed", "succeeded", "succeeded",
    ]  # fmt: skip
    tried = [attempt for child in children(rig, job_id) for attempt in [child.attempt]]
    assert sum(tried) + job.attempt <= 7, "one attempt was lost, and only that was done again"
    assert list(dict.fromkeys(ledger.of("begin"))) == ["a", "b", "c"]
    assert list(dict.fromkeys(ledger.of("undo"))) == ["b", "a"]


def _mortal(rig: Rig, point: str, nth: int) -> Process:
    argv = [sys.executable, "-m", "tests.faults.mortal", point, str(nth), JOBS]
    process = Process(argv, rig.env(), rig.directory / f"pipeline-{point}-{nth}.log")
    rig.processes.append(process)
    process.says("worker.ready")
    return process


def _let_pass(rig: Rig, job_id: str, *kinds: str) -> None:
    """The time has come for all of these."""
    with redis.Redis.from_url(rig.valkey.url) as client:
        for kind in kinds:
            index = due_key(job_id[:2], kind)
            for member in client.zrange(index, 0, -1):
                client.zadd(index, {member: 1}, xx=True)


def _ended_soon(rig: Rig, job_id: str) -> bool:
    _let_pass(rig, job_id, "doorbell", "parent")
    return job_of(rig, job_id).state.terminal


def test_a_worker_killed_in_a_step_costs_that_step_an_attempt_and_no_other(
    rig: Rig, ledger: Ledger, submit: Submit
) -> None:
    first = rig.worker(JOBS)
    job_id = submit("pipe.undoes", ["sequence", "a", "b waits", "c fails"])
    until(lambda: "begin b" in ledger.lines, what="b runs")
    running = until(lambda: _child(rig, job_id, "b"))
    assert running is not None
    first.kill()
    second = rig.worker(JOBS)
    ledger.lets("b")
    make_due(rig, "lease", running)
    job = ended(rig, job_id)
    assert (job.state, ledger.of("undo")) == (State.FAILED, ["b", "a"])
    assert attempts(rig, job_id) == [1, 2, 1, 1, 1]
    second.kill()


@pytest.mark.usefixtures("worker")
def test_a_pipeline_ends_without_any_supervisor_and_with_one_that_came_late(
    rig: Rig, ledger: Ledger, submit: Submit
) -> None:
    supervisors = [p for p in rig.processes if p.log_path.name.startswith("supervisor")]
    for supervisor in supervisors:
        supervisor.kill()
    assert ended(rig, submit("pipe.stops", NESTED)).state is State.SUCCEEDED
    job_id = submit("pipe.undoes", ["sequence", "a", "b waits", "c"])
    until(lambda: "begin b" in ledger.lines, what="b runs")
    assert (
        rest("POST", f"{rig.url}/api/v1/jobs/{job_id}/cancel", rig.token("ann"), {}).status == 202
    )
    rig.supervisor()
    rig.supervisor()
    assert ended(rig, job_id).state is State.CANCELLED


def test_the_story_of_a_pipeline_names_its_steps(rig: Rig, worker: Process, submit: Submit) -> None:
    job_id = submit("pipe.undoes", ["sequence", "a", "b", "c fails"])
    ended(rig, job_id)
    told = story(rig, job_id)
    assert told[:3] == ["submitted", "a worker claims it", "planned: 3 steps"]
    assert "“Step a” succeeded" in told
    assert worker.popen.poll() is None
    view = orjson.loads(rig.do(store.load_view(job_id, "ann")))
    assert [c["state"] for c in view["children"]] == [
        "succeeded", "succeeded", "failed", "succeeded", "succeeded",
    ]  # fmt: skip


def test_the_pipeline_of_its_page_does_what_the_page_says(rig: Rig) -> None:
    (rig.directory / "trips.py").write_text(block("pipeline", "docs/pipelines.md"))
    rig.path = [str(rig.directory)]
    worker = rig.worker("trips")
    with Client(rig.settings) as client:
        owner, day, night = Owner(id="ann"), "day train", "night train"
        fine = client.submit("trip.book", owner=owner, params={"city": "Rome", "train": day}).id
        full = client.submit("trip.book", owner=owner, params={"city": "Oslo", "train": night}).id
    done, failed = ended(rig, fine), ended(rig, full)
    worker.kill()
    assert done.result is not None
    assert done.result.summary == (
        "A room in Rome is booked. Seats in the day train are reserved. The guide to Rome is ready."
    )
    assert failed.error is not None
    assert failed.error.message == "The night train is full."
    assert failed.result is not None
    assert failed.result.summary == (
        "Failed at step 2 of 3, “Seats in the night train”: The night train is full. Undone: “Room "
        "in Oslo”. Can't be undone and was kept: “Guide to Oslo”."
    )
