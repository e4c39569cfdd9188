"""Jobs that failed by no fault of their users, in operators' hands: listed, shown, replayed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringback import store
from ringback.client import Client
from ringback.job import FORCED, Job, Owner, State
from tests.e2e.look import ended, job_of, make_due, reached, story
from tests.rig import Rig, until

USER = "dead"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A worker and a supervisor."""
    whole = Rig(tmp_path_factory.mktemp("dead"))
    whole.worker()
    whole.supervisor()
    yield whole
    whole.close()


def _submit(rig: Rig, job_type: str, user: str = USER, **params: object) -> str:
    with Client(rig.settings) as client:
        return client.submit(job_type, owner=Owner(id=user), params=params).id


def _exhausted(rig: Rig, user: str = USER) -> Job:
    """A job that is out of attempts."""
    job_id = _submit(rig, "test.fails", user, how="system")
    while not reached(rig, job_id, State.RETRYING, State.FAILED).state.terminal:
        make_due(rig, "retry", job_id)
        until(lambda: job_of(rig, job_id).state is not State.RETRYING, what="the retry is due")
    return job_of(rig, job_id)


def test_a_job_out_of_attempts_is_listed_and_shown_with_each_attempt(rig: Rig) -> None:
    job = _exhausted(rig)
    listed = rig.cli("dead-letters", "list", "--user", USER).stdout
    assert re.search(rf"{job.id} .*test\.fails .*2/2 .*internal", listed)

    shown = rig.cli("dead-letters", "show", job.id).stdout
    assert shown.count("A fault in our program stopped the job") >= 2
    assert "attempt 1" in shown
    assert "attempt 2" in shown


def test_emails_that_werent_sent_are_listed_and_sent_again(rig: Rig) -> None:
    with Client(rig.settings) as client:
        owner = Owner(id="unsent", email="unsent@example.com")
        job_id = client.submit("test.count", owner=owner, params={"to": 1}).id
    ended(rig, job_id)
    job = rig.do(store.update(job_id, _blocked))
    listed = rig.cli("dead-letters", "list", "--emails", "--user", "unsent").stdout
    assert re.search(rf"{job.id} .*test\.count  unsent@example\.com", listed)
    assert "RCPT: 554 5.7.1 no relay" in listed
    wrong = rig.cli("dead-letters", "list", "--emails", "--code", "internal")
    assert (wrong.returncode, "--code" in wrong.stderr) == (2, True)
    counted = rig.cli("dead-letters", "replay", "--emails", "--user", "unsent", "--dry-run").stdout
    assert counted == "1 email can be sent again.\n"
    done = rig.cli("dead-letters", "replay", "--emails", "--yes", "--reason", "mended", job.id)
    assert "1 on the way again." in done.stdout
    assert story(rig, job.id)[-1] == "email waiting: Being sent again by our operators."
    left = rig.cli("dead-letters", "list", "--emails", "--user", "unsent").stdout
    assert left == "No emails to be sent again.\n"


def _blocked(job: Job) -> Job:
    return job.email_failed("The mail server refused it.", "RCPT: 554 5.7.1 no relay", dead=True)


def test_what_the_users_could_mend_is_no_dead_letter(rig: Rig) -> None:
    job_id = _submit(rig, "test.fails", "mender", how="input")
    ended(rig, job_id)
    assert rig.cli("dead-letters", "list", "--user", "mender").stdout == "No dead letters.\n"
    refused = rig.cli("dead-letters", "replay", job_id)
    assert refused.returncode == 2
    assert "is no dead letter: it is failed" in " ".join(refused.stderr.split())


def test_a_replay_counts_first_and_leaves_an_audit_entry(rig: Rig) -> None:
    jobs = [_exhausted(rig, "many") for _ in range(2)]
    counted = rig.cli("dead-letters", "replay", "--user", "many", "--dry-run").stdout
    assert "2 dead letters of 1 users can be replayed." in counted
    assert "test.fails" in counted

    done = rig.cli(
        "dead-letters", "replay", "--user", "many", "--yes", "--rate", "100", "--reason", "fixed"
    )
    assert "2 replayed." in done.stdout
    again = dict(re.findall(r"(\S+) → (\S+)", done.stdout))
    assert set(again) == {job.id for job in jobs}
    for old, new in again.items():
        job = job_of(rig, new)
        assert (job.spec.retry_of, job.spec.root) == (old, old)
    left = rig.cli("dead-letters", "list", "--user", "many").stdout
    assert not any(job.id in left for job in jobs)
    assert jobs[0].id in rig.cli("dead-letters", "list", "--user", "many", "--replayed").stdout
    trail = rig.cli("audit").stdout.splitlines()[0]
    assert re.search(r"Z  \S+@\S+  replay  2 jobs  fixed$", trail)


def test_a_replay_that_isnt_wanted_changes_nothing(rig: Rig) -> None:
    job = _exhausted(rig, "unsure")
    asked = rig.cli("dead-letters", "replay", "--user", "unsure")  # no terminal: nobody says yes
    assert asked.returncode == 1
    assert job.id in rig.cli("dead-letters", "list", "--user", "unsure").stdout


def test_what_cant_be_run_twice_is_counted_apart_and_left(rig: Rig) -> None:
    job_id = _submit(rig, "test.once", "once", pause=0.5)
    reached(rig, job_id, State.RUNNING)
    worker = rig.processes[0]
    worker.freeze()
    make_due(rig, "lease", job_id)
    assert ended(rig, job_id).dead
    worker.thaw()
    told = rig.cli("dead-letters", "replay", "--user", "once", "--yes").stdout
    assert "0 dead letters of 0 users can be replayed." in told
    assert "1  can't: running them twice isn't safe" in told


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["list", "--since", "yesterday"], "--since 'yesterday': must be like 90m"),
        (["show", "nonsense"], "'nonsense' is no job's id"),
        (["show", "00-01971c2e-0000-7000-8000-000000000000"], "There is no job"),
    ],
)
def test_bad_input_is_told_in_words(rig: Rig, wrong: list[str], told: str) -> None:
    refused = rig.cli("dead-letters", *wrong)
    assert refused.returncode == 2
    assert told in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr


def test_support_cancels_and_the_user_is_told_who_did(rig: Rig, gate: Path) -> None:
    job_id = _submit(rig, "test.gate", path=str(gate))
    reached(rig, job_id, State.RUNNING)
    assert rig.cli("jobs", "cancel", job_id, "--reason", "the user called").returncode == 0
    job = ended(rig, job_id)
    assert (job.state, job.cancel and job.cancel.by) == (State.CANCELLED, "support")
    trail = rig.cli("audit").stdout.splitlines()[0]
    assert trail.endswith(f"cancel  {job_id}  the user called")


def test_support_forces_a_job_that_reaches_no_checkpoint(rig: Rig) -> None:
    job_id = _submit(rig, "test.deaf", seconds=20)  # longer than the commands take
    reached(rig, job_id, State.RUNNING)
    refused = rig.cli("jobs", "cancel", job_id, "--force")
    assert "--force needs --reason" in " ".join(refused.stderr.split())

    told = rig.cli("jobs", "cancel", job_id, "--force", "--reason", "it hangs").stdout
    assert FORCED in " ".join(told.split())
    assert "stopped by support, without a checkpoint" in story(rig, job_id)
    view = json.loads(rig.cli("jobs", "show", job_id).stdout)
    assert view["attempt"]["reason"] == "Forced by our support: it hangs"


def test_an_ended_job_is_done_again_by_command(rig: Rig) -> None:
    job_id = _submit(rig, "test.count", to=4, bad=2)
    ended(rig, job_id)
    again = ended(rig, rig.cli("jobs", "retry", job_id, "--failed").stdout.strip())
    assert (again.spec.retry_of, again.spec.scope) == (job_id, "failed")
    assert again.counts.seen == 2
    done = _done(rig)
    refused = rig.cli("jobs", "retry", done, "--reason", "why not")
    assert "all of it was done" in " ".join(refused.stderr.split())
    assert f"retry all: refused  {done}  why not" in rig.cli("audit").stdout.splitlines()[0]


def _done(rig: Rig) -> str:
    return ended(rig, _submit(rig, "test.count", to=1)).id
