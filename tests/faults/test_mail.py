"""Email when the mail server or the mailer fails: delayed, said, and never lost or doubled."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import pytest

from ringback import suppression
from ringback.client import Client
from ringback.job import Owner
from tasks.smtp_answer import DOWN, GONE, LATER
from tests.e2e.look import notice_of, pass_waits, story
from tests.faults.post import Post
from tests.rig import Process, Rig, until


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Everything but a mail server, and nobody looks at a page."""
    whole = Rig(tmp_path_factory.mktemp("mail"))
    whole.worker()
    whole.mailer()
    whole.supervisor()
    yield whole
    whole.close()


def _finish_a_job(rig: Rig, user: str) -> str:
    owner = Owner(id=user, email=f"{user}@example.com")
    with Client(rig.settings) as client:
        return client.submit("test.count", owner=owner, params={"to": 1}).id


def _mailer(rig: Rig) -> Process:
    return [p for p in rig.processes if p.log_path.name.startswith("mailer")][-1]


def test_an_email_waits_for_a_mail_server_that_is_down_and_goes_out_once(rig: Rig) -> None:
    job_id = _finish_a_job(rig, "down")
    told = notice_of(rig, job_id, "delayed")
    assert told.reason == DOWN.reason
    assert told.tries == 0

    with Post().at(rig.smtp_port) as post:
        pass_waits(rig, "down")
        assert notice_of(rig, job_id).state == "sent"
    assert [str(message["To"]) for message in post.received] == ["down@example.com"]


def test_an_email_is_tried_again_when_the_server_says_later(rig: Rig) -> None:
    with Post(rcpt=["451 try later", "250 fine"]).at(rig.smtp_port) as post:
        job_id = _finish_a_job(rig, "later")
        told = notice_of(rig, job_id, "delayed")
        assert told.reason == f"{LATER.reason} We try again for up to 24 hours."
        assert told.answer == "RCPT: 451 try later"
        pass_waits(rig, "later")
        assert notice_of(rig, job_id).state == "sent"
    assert len(post.received) == 1


def test_an_address_that_the_server_refuses_is_told(rig: Rig) -> None:
    with Post(rcpt=["550 5.1.1 no such user"]).at(rig.smtp_port) as post:
        job_id = _finish_a_job(rig, "refused")
        told = notice_of(rig, job_id)
    assert told.state == "failed"
    assert told.reason == GONE.reason
    assert told.answer == "RCPT: 550 5.1.1 no such user"
    assert rig.do(suppression.look("refused@example.com")) is not None
    assert post.received == []


def test_a_lost_answer_to_data_is_tried_once_more_with_the_same_message_id(rig: Rig) -> None:
    with Post(data=["", "250 taken"]).at(rig.smtp_port) as post:
        job_id = _finish_a_job(rig, "lost-once")
        assert "answer got lost" in notice_of(rig, job_id, "delayed").reason
        pass_waits(rig, "lost-once")
        told = notice_of(rig, job_id)
    assert (told.state, len(post.received)) == ("sent", 2)
    assert len({str(message["Message-ID"]) for message in post.received}) == 1


def test_an_answer_lost_twice_is_the_end_and_the_job_says_so(rig: Rig) -> None:
    with Post(data=[""]).at(rig.smtp_port) as post:
        job_id = _finish_a_job(rig, "lost-twice")
        until(lambda: _delays(rig, job_id) == 1, what="the first answer got lost")
        pass_waits(rig, "lost-twice")
        until(lambda: _delays(rig, job_id) == 2, what="the second answer got lost")
        pass_waits(rig, "lost-twice")
        told = notice_of(rig, job_id)
    assert told.state == "sent"
    assert "may have come twice or not at all" in told.reason
    assert len({str(message["Message-ID"]) for message in post.received}) == 1
    assert len(post.received) == 2


def _delays(rig: Rig, job_id: str) -> int:
    return sum(what.startswith("email delayed") for what in story(rig, job_id))


def test_the_next_mailer_sends_what_a_killed_one_had_not(rig: Rig) -> None:
    with Post(before_rcpt=Event()).at(rig.smtp_port) as post:
        job_id = _finish_a_job(rig, "killed-early")
        until(lambda: post.recipients == 1, what="the email is under way")
        _mailer(rig).kill()
        post.before_rcpt.set()
        rig.mailer()
        pass_waits(rig, "killed-early")
        assert notice_of(rig, job_id).state == "sent"
        assert len(post.received) == 1


def test_the_next_mailer_tries_once_more_what_a_killed_one_may_have_sent(rig: Rig) -> None:
    with Post(before_answer=Event()).at(rig.smtp_port) as post:
        job_id = _finish_a_job(rig, "killed-late")
        until(lambda: len(post.received) == 1, what="the email is out")
        _mailer(rig).kill()
        post.before_answer.set()
        rig.mailer()
        pass_waits(rig, "killed-late")
        assert notice_of(rig, job_id).state == "sent"
        assert len(post.received) == 2
    assert len({str(message["Message-ID"]) for message in post.received}) == 1


def test_a_mailer_that_was_taken_for_dead_doesnt_send_after_its_successor(rig: Rig) -> None:
    first = _mailer(rig)
    with Post(before_rcpt=Event()).at(rig.smtp_port) as post:
        job_id = _finish_a_job(rig, "woken")
        until(lambda: post.recipients == 1, what="the email is under way")
        first.freeze()
        said = len(first.log)
        post.before_rcpt.set()
        rig.mailer()
        pass_waits(rig, "woken")
        assert notice_of(rig, job_id).state == "sent"
        first.thaw()
        until(lambda: "email." in first.log[said:], what="the first one gives up")
        assert len(post.received) == 1
