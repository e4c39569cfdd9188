"""The kit for adopters' tests: it does as the real store and a real worker do."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringback import (
    ExternalError,
    File,
    InputError,
    ItemError,
    Result,
    Run,
    feeds,
    job,
    outbox,
    presence,
    store,
)
from ringback.connection import Op, Store
from ringback.errors import InvalidParams, NotRetryable, RingbackError
from ringback.job import Counts, Job, Owner, State
from ringback.store import Flaws
from ringback.testing import Event, FakeStore, Outcome, retry_job, run_job
from ringback.testing.commands import COMMANDS
from tests.eye import BROKE, P, ask, everything, send
from tests.rig import ROOT, come, new_spec

EVENTS: tuple[Event, ...] = ("cancel", "stop", "crash")

# -- job types to try


@job("kit.rows", title="Rows of {file.name}", idempotent=True, unit="rows", max_attempts=3)
def rows(run: Run, *, file: File, bad: str = "") -> Result:
    """Reads lines; the one that is ``bad`` fails. Publishes the others."""
    good: list[str] = []
    for line in run.items(file.path.read_text().split()):
        with line.attempt():
            if line.value == bad:
                raise ItemError("bad", "{count} rows are bad", one="1 row is bad")
            good.append(line.value)
    path = run.workspace / "good.txt"
    path.write_text("\n".join(good))
    link = run.publish_file(path, name="good.txt", label="Get the good", content_type="text/plain")
    return run.result(f"{len(good)} good rows", [link])


@job("kit.count", idempotent=True, max_attempts=3, backoff=(10, 60))
def count(run: Run, *, to: int, seen: str) -> Result:
    """Writes each number, with its attempt, as a line of the file ``seen``."""
    with Path(seen).open("a") as lines:
        for number in run.items(range(1, to + 1), total=to):
            lines.write(f"{number.value}@{run.attempt} {number.idempotency_key}\n")
            lines.flush()
    return run.result(f"Counted to {to}")


@job("kit.breaks", idempotent=True, max_attempts=3, backoff=(10, 60))
def breaks(run: Run, *, how: str, times: int = 99) -> Result:
    """Fails, in the first ``times`` attempts."""
    if run.attempt > times:
        return run.result("Done at last")
    if how == "input":
        raise InputError("“x” isn't a number.", action="Write it in digits.")
    if how == "external":
        raise ExternalError("The bank didn't answer.", retry_after=600)
    raise RuntimeError("an author's slip")


@job("kit.async", idempotent=True)
async def waits(run: Run, *, to: int) -> Result:
    """An ``async def`` job."""

    async def numbers() -> Any:
        for number in range(to):
            await asyncio.sleep(0)
            yield number

    async for _ in run.aitems(numbers(), total=to):
        pass
    return run.result("Waited")


@job("kit.group", idempotent=True)
async def together(run: Run, *, to: int) -> Result:
    """Does its items in a task of its own."""

    async def work() -> None:
        for _ in run.items(range(to)):
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work())
    return run.result("Done together")


@job("kit.stubborn", idempotent=True, cancellable=False)
def stubborn(run: Run, *, to: int) -> Result:
    """Can't be cancelled."""
    for _ in run.items(range(to)):
        pass
    return run.result("Done all the same")


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """Four lines to read."""
    path = tmp_path / "lines.txt"
    path.write_text("one two three four")
    return path


# -- running a job


def test_a_job_runs_to_its_end_in_the_test_and_shows_what_the_user_sees(lines: Path) -> None:
    outcome = run_job(rows, params={"file": lines, "bad": "two"})
    assert outcome.state == "partial"
    assert outcome.view["title"] == "Rows of lines.txt"
    assert outcome.view["result"]["summary"] == "3 good rows"
    assert outcome.counts == Counts(succeeded=3, failed=1)
    assert [(p.count, p.message) for p in outcome.problems] == [(1, "1 row is bad")]
    assert [path.read_text() for path in outcome.files] == ["one\nthree\nfour"]
    assert [entry["what"] for entry in outcome.history] == [
        "submitted", "a worker claims it", "some items failed",
    ]  # fmt: skip
    assert outcome.attempts == 1


def test_params_are_checked_as_they_are_in_production(lines: Path) -> None:
    with pytest.raises(InvalidParams, match=r"params.bad: must be text"):
        run_job(rows, params={"file": lines, "bad": 7})
    with pytest.raises(InvalidParams, match="is missing"):
        run_job(rows)


def test_the_owner_is_who_the_test_says(lines: Path) -> None:
    bob = Owner(id="bob", email="bob@example.com")
    outcome = run_job(rows, params={"file": lines}, owner=bob)
    assert outcome.job.spec.owner == bob
    assert outcome.view["email"]["state"] == "waiting"


def test_a_slip_of_the_author_fails_the_test_at_once() -> None:
    with pytest.raises(RuntimeError, match="slip"):
        run_job(breaks, params={"how": "slip"})


def test_a_slip_may_be_looked_at_with_the_users_eyes() -> None:
    outcome = run_job(breaks, params={"how": "slip"}, raising=False)
    assert (outcome.state, outcome.attempts) == ("failed", 3)
    assert outcome.view["error"]["code"] == "internal"


def test_words_for_the_user_are_no_slip() -> None:
    outcome = run_job(breaks, params={"how": "input"})
    assert (outcome.state, outcome.attempts) == ("failed", 1)
    assert outcome.view["error"]["action"] == "Write it in digits."


def test_waits_between_attempts_pass_at_once_on_the_stores_clock() -> None:
    outcome = run_job(breaks, params={"how": "external", "times": 2})
    assert (outcome.state, outcome.attempts) == ("succeeded", 3)
    job = outcome.job
    assert job.finished_at is not None
    assert job.finished_at.ms - job.created_at.ms >= 2 * 600_000
    assert outcome.store.clock.ms == job.finished_at.ms


def test_a_run_that_ends_early_shows_the_job_between_two_attempts() -> None:
    outcome = run_job(breaks, params={"how": "external"}, attempts=1)
    assert outcome.state == "retrying"
    assert outcome.view["attempt"]["number"] == 1
    assert "The bank didn't answer." in outcome.view["attempt"]["reason"]


def test_an_async_job_runs_as_a_plain_one_does() -> None:
    assert run_job(waits, params={"to": 3}).counts.succeeded == 3
    assert run_job(waits, params={"to": 3}, events={2: "cancel"}).state == "cancelled"
    assert run_job(waits, params={"to": 3}, events={2: "stop"}).attempts == 2
    assert run_job(waits, params={"to": 3}, events={2: "crash"}).job.attempt == 2


def test_a_task_group_changes_nothing() -> None:
    ended = [run_job(together, params={"to": 3}, events={2: event}) for event in EVENTS]
    assert [(o.state, o.attempts) for o in ended] == [
        ("cancelled", 1), ("succeeded", 2), ("succeeded", 2),
    ]  # fmt: skip


async def test_a_test_with_an_event_loop_runs_a_job_in_a_thread() -> None:
    outcome = await asyncio.to_thread(run_job, waits, params={"to": 3})
    assert outcome.state == "succeeded"


# -- what happens to a job


def counted(tmp_path: Path, **options: Any) -> tuple[Outcome, list[str]]:
    """The outcome of counting to 4, and the numbers with their attempts, as they came."""
    seen = tmp_path / "seen.txt"
    outcome = run_job(count, params={"to": 4, "seen": str(seen)}, **options)
    return outcome, [line.split()[0] for line in seen.read_text().splitlines()]


def test_a_cancel_ends_the_job_at_the_next_checkpoint(tmp_path: Path) -> None:
    outcome, seen = counted(tmp_path, events={2: "cancel"})
    assert (outcome.state, seen) == ("cancelled", ["1@1", "2@1"])
    assert outcome.counts.succeeded == 2
    assert "cancel requested" in [entry["what"] for entry in outcome.history]


def test_a_cancel_of_what_cannot_stop_is_refused_and_the_job_goes_on() -> None:
    outcome = run_job(stubborn, params={"to": 4}, events={2: "cancel"})
    assert (outcome.state, outcome.counts.succeeded) == ("succeeded", 4)


def test_a_stopping_worker_hands_the_job_back_and_the_next_one_goes_on(tmp_path: Path) -> None:
    outcome, seen = counted(tmp_path, events={2: "stop"})
    assert (outcome.state, outcome.attempts) == ("succeeded", 2)
    assert seen == ["1@1", "2@1", "3@1", "4@1"], "it costs no attempt"


def test_a_dead_worker_had_told_nothing_so_all_comes_again(tmp_path: Path) -> None:
    outcome, seen = counted(tmp_path, events={2: "crash"})
    assert (outcome.state, outcome.counts.succeeded) == ("succeeded", 4)
    assert seen == ["1@1", "2@1", "1@2", "2@2", "3@2", "4@2"]
    lines = [line.split() for line in (tmp_path / "seen.txt").read_text().splitlines()]
    assert lines[0][1] == lines[2][1], "for the service that must not do it twice"
    assert outcome.store.clock.ms - outcome.job.created_at.ms >= store.LEASE


def test_several_things_happen_one_after_the_other(tmp_path: Path) -> None:
    outcome, seen = counted(tmp_path, events={1: "stop", 3: "crash"})
    assert seen == ["1@1", "2@1", "3@1", "2@2", "3@2", "4@2"]
    assert (outcome.state, outcome.attempts) == ("succeeded", 3)


def test_an_event_that_never_comes_fails_the_test(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="never came: the job ended after 4 items"):
        counted(tmp_path, events={9: "cancel"})


def test_the_failed_items_are_done_again_in_a_job_of_their_own(lines: Path) -> None:
    first = run_job(rows, params={"file": lines, "bad": "two"})
    again = retry_job(first)
    assert (again.state, again.counts) == ("failed", Counts(failed=1))
    assert again.view["retry_of"] == first.job.id
    assert retry_job(first, "all").counts == Counts(succeeded=3, failed=1)


def test_a_retry_that_the_user_could_not_ask_for_is_refused(lines: Path) -> None:
    fine = run_job(rows, params={"file": lines})
    with pytest.raises(NotRetryable):
        retry_job(fine)


# -- the store in memory


def test_time_stands_still_until_the_test_lets_it_pass() -> None:
    memory = FakeStore()
    first = memory.do(store.submit(new_spec())).job
    second = memory.do(store.submit(new_spec())).job
    assert first.created_at == second.created_at
    memory.clock.advance(1.5)
    third = memory.do(store.submit(new_spec())).job
    assert third.created_at.ms - first.created_at.ms == 1500


def test_a_key_ends_when_its_time_has_come() -> None:
    memory = FakeStore()
    first = memory.do(store.submit(new_spec(), "key", "work"))
    memory.clock.advance(store.IDEMPOTENCY_TTL / 1000 - 1)
    assert memory.do(store.submit(new_spec(), "key", "work")).job == first.job
    memory.clock.advance(1)
    assert memory.do(store.submit(new_spec(), "key", "work")).created


def test_what_was_published_is_kept() -> None:
    memory = FakeStore()
    job = memory.do(store.submit(new_spec("ann"))).job
    (packet,) = memory.published
    assert packet.channel.endswith(":events:ann")
    assert job.id.encode() in packet.data


async def test_the_awaiting_side_has_the_same_memory() -> None:
    memory = FakeStore()
    other = memory.asynchronous()
    job = (await other.do(store.submit(new_spec()))).job
    assert memory.do(store.load(job.id)) == job
    await other.close()


def test_a_command_that_it_does_not_know_fails_by_name() -> None:
    with pytest.raises(NotImplementedError, match="OBJECT"):
        ask(FakeStore(), "OBJECT", "ENCODING", "x")


def test_without_lua_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['lupa'] = None; import ringback.testing"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert "pip install 'ringback[testing]'" in ran.stderr


def test_it_knows_every_command_that_ringback_uses() -> None:
    """A script's rarely taken branch mustn't be the first to tell."""
    package = files("ringback")
    scripts = [path.read_text() for path in (package / "lua").iterdir()]
    code = [path.read_text() for path in package.iterdir() if path.name.endswith(".py")]
    used = set(re.findall(r"redis\.call\('(\w+)'", "".join(scripts)))
    used |= set(re.findall(r"\bplain\(\s*\"(\w+)\"", "".join(code)))
    assert "ZADD" in used
    assert used <= COMMANDS.keys()


# -- it answers as the real one does


TRIED: list[tuple[Any, ...]] = [
    ("SET", "a", "1"), ("SET", "a", "2", "NX"), ("SET", "z", "2", "XX"), ("GET", "a"),
    ("SET", "b", "2", "NX", "PX", 5000), ("PTTL", "a"), ("PTTL", "none"), ("GET", "none"),
    ("HSET", "h", "x", 1, "y", 2.5), ("HSET", "h", "x", 3, "z", 4), ("HGET", "h", "none"),
    ("HGETALL", "h"), ("HGETALL", "none"), ("HKEYS", "h"), ("HVALS", "h"),
    ("HMGET", "h", "x", "none"), ("HEXISTS", "h", "x"), ("HINCRBY", "h", "x", 5),
    ("HDEL", "h", "y", "none"), ("SADD", "s", "a", "b"), ("SADD", "s", "b", "c"),
    ("SMEMBERS", "s"), ("SREM", "s", "a", "none"), ("SCARD", "s"),
    ("RPUSH", "l", "a", "b", "c", "d"), ("LRANGE", "l", 0, -1), ("LRANGE", "l", -9, 1),
    ("LRANGE", "l", 2, 1), ("LTRIM", "l", -3, -1), ("LLEN", "l"), ("LRANGE", "l", 0, -1),
    ("ZADD", "q", 1, "a", 2, "b", 2.5, "c", 2, "bb"), ("ZADD", "q", "XX", "CH", 5, "a", 6, "no"),
    ("ZADD", "q", "NX", 7, "a", 8, "n"), ("ZRANGE", "q", 0, -1),
    ("ZRANGE", "q", 0, -1, "WITHSCORES"), ("ZRANGE", "q", 0, 1, "REV"),
    ("ZRANGE", "q", "(2", "+inf", "BYSCORE", "LIMIT", 0, 2, "WITHSCORES"),
    ("ZRANGE", "q", "+inf", "-inf", "BYSCORE", "REV", "LIMIT", 1, 2), ("ZSCORE", "q", "c"),
    ("ZSCORE", "q", "none"), ("ZCARD", "q"), ("ZCOUNT", "q", "(2", 5), ("ZREM", "q", "a", "no"),
    ("ZREMRANGEBYSCORE", "q", "-inf", "(8"), ("ZREM", "q", "n"), ("TYPE", "q"), ("TYPE", "h"),
    ("TYPE", "l"), ("EXISTS", "a", "q"), ("DEL", "a", "none"), ("PUBLISH", "nobody", "x"),
    ("HGET", "l", "x"), ("ZADD", "q", "often", "x"), ("HSET", "h", "odd"), ("ZCARD", "s"),
    ("PEXPIRE", "h", 1000), ("PEXPIRE", "none", 1000), ("SCRIPT LOAD", "#!lua\nreturn 1"),
    ("EVALSHA", "0" * 40, 0), ("WAITAOF", 0, 0, 0), ("FLUSHALL",), ("EXISTS", "h"),
]  # fmt: skip


def test_every_command_is_answered_as_the_server_answers_it(real: Store) -> None:
    memory = FakeStore()
    for command in TRIED:
        theirs, ours = (answer(db, command) for db in (real, memory))
        assert (ours, type(ours)) == (theirs, type(theirs)), command


def answer(db: Store, command: tuple[Any, ...]) -> Any:
    """The reply, or the kind of error."""
    try:
        return ask(db, *command)
    except Exception as error:
        return type(error)


def test_a_scripts_values_go_over_and_come_back_as_on_the_server(real: Store) -> None:
    script = """#!lua
    local a = cjson.decode(ARGV[1])
    redis.call('HSET', KEYS[1], 'n', 1700000000000 + 0.0, 'half', 0.5, 'text', a.text, 7, a.n)
    return {1, 2.9, true, false, a.none == cjson.null, a.list[2], #a.list, a.deep.x[1],
      redis.call('HGETALL', KEYS[1]), redis.call('ZSCORE', KEYS[1] .. 'z', 'x'),
      redis.call('ZADD', KEYS[1] .. 'z', 1.25, 'x'), redis.call('ZSCORE', KEYS[1] .. 'z', 'x'),
      redis.call('ZRANGE', KEYS[1] .. 'z', 0, -1, 'WITHSCORES'), {}, 'a\\0b\\255', nil, 'unseen'}
    """
    facts = b'{"text":"\\u0000\xc3\xa9\\"","n":12345678901,"none":null,"list":[1,true],' \
            b'"deep":{"x":["y"]}}'  # fmt: skip
    replies = []
    for db in (real, FakeStore()):
        sha = ask(db, "SCRIPT LOAD", script)
        replies.append(ask(db, "EVALSHA", sha, 1, "k", facts))
    assert replies[0] == replies[1]


TIMES = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.]+Z|\b1[78]\d{11}\b")
deeds = st.lists(
    st.tuples(
        st.sampled_from(
            ["submit", "claim", "advance", "retry", "due", "end", "cancel", "expire", "look",
             "overdue", "mail", "presence", "leave", "renew", "flaw", "forget"]
        ),
        st.integers(0, 3),
    ),
    min_size=1, max_size=14,
)  # fmt: skip


def deed(what: str, number: int, jobs: list[Job]) -> Op[Any]:
    """An operation by its name, on one of four jobs."""
    job = jobs[number]
    changes: dict[str, Callable[[Job], Job]] = {
        "claim": lambda j: j.claimed() if j.state is State.QUEUED else j,
        "advance": lambda j: j.advanced(message=f"é{number}") if j.fence and leased(j) else j,
        "retry": lambda j: j.retry_later(BROKE, 5_000) if j.state is State.RUNNING else j,
        "due": lambda j: j.due_again() if j.state is State.RETRYING else j,
        "end": lambda j: j.ended(Result("Done")) if leased(j) else j,
        "cancel": lambda j: j if j.state.terminal else j.cancel_requested(),
        "expire": lambda j: j.lease_expired() if leased(j) else j,
    }
    others: dict[str, Callable[[], Op[Any]]] = {
        "submit": lambda: store.submit(jobs[number].spec, f"key-{number}", "work"),
        "look": lambda: feeds.read("ann"),
        "overdue": lambda: store.overdue(P),
        "mail": lambda: outbox.claim("ann", f"m{number}"),
        "presence": lambda: come("ann", f"c{number}", state=("away", "active")[number % 2]),
        "leave": lambda: presence.leave({"ann": [f"c{number}"]}),
        "renew": lambda: store.renew(P, [(job.id, number)]),
        "flaw": lambda: store.update(job.id, changes["advance"], flaws=Flaws(failed=(b"[1]",))),
        "forget": lambda: store.forget(replace(job, state=State.SUCCEEDED)),
    }
    return store.update(job.id, changes[what]) if what in changes else others[what]()


def leased(job: Job) -> bool:
    return job.state in (State.RUNNING, State.CANCELLING)


def both(real: Store, memory: FakeStore, op: Op[Any]) -> None:
    """Runs an operation on both: each call goes to the two, and they must answer the same."""
    try:
        call = next(op)
        while True:
            theirs = send(real, call)
            memory.clock.reach(moment_of(theirs, real))
            ours = send(memory, call)
            assert timeless(ours) == timeless(theirs), call
            call = op.send(theirs)
    except (StopIteration, RingbackError):  # a refusal is an answer too
        return


def moment_of(reply: Any, real: Store) -> int:
    """When the server did it (ms): what was done in the same moment there, is so here."""
    if isinstance(reply, list) and reply[:1] == [b"ok"]:
        return int(reply[3])
    seconds, micros = ask(real, "TIME")
    return int(seconds) * 1000 + int(micros) // 1000


def timeless(value: Any) -> bytes:
    """All bytes of a reply, moments blanked out: the two clocks differ, and nothing else may."""
    return TIMES.sub(b"T", repr(value).encode())


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(story=deeds)
def test_the_same_calls_leave_the_same_bytes_as_on_the_server(
    real: Store, story: list[tuple[str, int]]
) -> None:
    ask(real, "FLUSHALL")
    memory = FakeStore()
    specs = [
        new_spec("ann", email=email, idempotent=n > 1) for n, email in enumerate(["", None] * 2)
    ]
    jobs = [Job(spec=replace(spec, unique=(f"name {n % 3}",))) for n, spec in enumerate(specs)]
    for what, number in [("submit", 0), *story]:
        both(real, memory, deed(what, number, jobs))
    assert settled(memory) == settled(real)


def settled(db: Store) -> dict[bytes, bytes]:
    """All that is stored, by its members: moments blanked out say nothing of their order."""
    return {name: timeless(members(value)) for name, value in everything(db).items()}


def members(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted(value.items())
    return sorted(value) if isinstance(value, set) or isinstance(value[0], list) else value
