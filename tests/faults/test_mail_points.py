"""A mailer is killed at the points where it matters: the email comes once, and twice only where
nobody can know whether the server took it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from ringback.client import Client
from ringback.job import Owner
from tests.e2e.look import notice_of, pass_waits
from tests.faults.post import Post
from tests.rig import WITHIN, Process, Rig, until

#: Where it is killed, and how many messages the server got in the end.
CASES = [
    ("before-reserved", 1),
    ("after-reserved", 1),
    ("before-data-sent", 1),
    ("after-data-sent", 1),  # before DATA: the successor can't know that nothing left
    ("before-accepted", 2),  # the server's answer was lost with the mailer: the ambiguous window
    ("after-accepted", 1),
]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Everything but a mail server, and a mailer that is there for what the killed ones leave."""
    whole = Rig(tmp_path_factory.mktemp("mail-points"))
    whole.worker()
    whole.supervisor()
    whole.mailer().freeze()
    yield whole
    whole.close()


def _heir(rig: Rig) -> Process:
    return next(p for p in rig.processes if p.log_path.name.startswith("mailer"))


def _mortal(rig: Rig, point: str) -> Process:
    argv = [sys.executable, "-m", "tests.faults.mortal", point, "1", "tasks.deliver"]
    process = Process(argv, rig.env(), rig.directory / f"mortal-{point}.log")
    rig.processes.append(process)
    process.says("worker.ready")
    return process


@pytest.mark.parametrize(("point", "messages"), CASES, ids=[point for point, _ in CASES])
def test_a_mailer_killed_at_a_point_leaves_nobody_untold_and_nobody_told_twice(
    rig: Rig, point: str, messages: int
) -> None:
    with Post().at(rig.smtp_port) as post:
        mortal = _mortal(rig, point)
        owner = Owner(id=point, email=f"{point}@example.com")
        with Client(rig.settings) as client:
            job_id = client.submit("test.count", owner=owner, params={"to": 1}).id
        assert mortal.popen.wait(WITHIN) == -9, mortal.log
        _heir(rig).thaw()
        pass_waits(rig, point)
        told = notice_of(rig, job_id)
        until(lambda: len(post.received) == messages, what="what is to come has come")
        _heir(rig).freeze()
    assert told.state == "sent"
    assert len({str(message["Message-ID"]) for message in post.received}) == 1
