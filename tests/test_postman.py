"""Emails to a mail server that misbehaves, at each command and in each way: what becomes of the
notice, of the ledger, of the address, and how many messages the server got."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from letters.letter import Letters, Sender
from letters.shelf import Shelf
from ringback import alert, breaker, outbox, store, suppression, unsent
from ringback.errors import NotSendable
from ringback.job import Job, Notice, Result, Spec
from ringback.keys import key, partition_of, partitions
from ringback.limits import Limit
from ringback.testing import FakeStore
from ringback.unsubscribe import Links
from tasks.deliver import Mailer
from tasks.delivery import House
from tasks.mail_gate import SERVICE
from tasks.smtp import Transport
from tasks.smtp_answer import (
    ACCEPTED,
    AMBIGUOUS,
    BAD_CERTIFICATE,
    BLOCKED,
    DOWN,
    FULL,
    GONE,
    LATER,
    NO_ENTRY,
    NO_TLS,
    SILENT,
    TURNED_AWAY,
    Outcome,
)
from tasks.smtp_line import Pace, Server
from tasks.smtp_pool import MOST
from tests.eye import ask
from tests.postman import DROP, HANG, Postman, certificate
from tests.rig import new_spec, until

HOME = "http://127.0.0.1:8000"
LETTERS = Letters(Shelf(), Sender("Ringback <no-reply@example.com>", HOME))
HOUSE = House("example.com", 0, Links("s" * 32, HOME))
QUICK = Pace(step=0.4, final=0.4, opening=2, sending=2, reset=0.4, idle=5)


class Sending:
    """A store, a server and a mailer between them."""

    def __init__(self, postman: Postman, server: Server) -> None:
        self.db = FakeStore()
        self.postman = postman
        self.transport = Transport(server, QUICK)
        self.mailer = Mailer(self.db, LETTERS, self.transport, HOUSE)

    def due(self, user: str = "ann", spec: Spec | None = None) -> str:
        """A job whose notice is due."""
        spec = spec or new_spec(user, grace_absent=0, grace_present=0)
        job = self.db.do(store.submit(spec)).job
        for change in Job.claimed, lambda j: j.ended(Result("Done")):
            job = self.db.do(store.update(job, change))
        return job.id

    def send(self, user: str = "ann") -> Notice:
        """Sends the email about a new job, as far as that goes."""
        job = self.due(user)
        self.mailer.deliver(user)
        return self.notice(job)

    def notice(self, job: str) -> Notice:
        notice = self.db.do(store.load(job)).notice
        assert notice is not None
        return notice

    def ledger(self, user: str = "ann") -> str | None:
        text = ask(self.db, "HGET", key(partition_of(user), "user", user), "ledger")
        return None if text is None else outbox._ledger(text).state

    def alerts(self) -> list[str]:
        return [one.key for one in self.db.do(alert.open_ones())]

    def circuit(self) -> breaker.Breaker | None:
        return next(iter(self.db.do(breaker.everything())), None)


@contextmanager
def sending(postman: Postman, **server: Any) -> Iterator[Sending]:
    """To a server at work."""
    scheme = "smtps" if postman.implicit else "smtp"
    with postman.at_work():
        to = Server.at(f"{scheme}://127.0.0.1:{postman.port}")
        made = Sending(postman, replace(to, **server))
        try:
            yield made
        finally:
            made.transport.close()


#: How a notice, the ledger and the try count are left by each kind of outcome.
ENDS = {
    "accepted": ("sent", None, 0), "refused": ("failed", None, 0), "delayed": ("delayed", None, 1),
    "down": ("delayed", None, 0), "ambiguous": ("delayed", "data-sent", 1),
}  # fmt: skip

#: At which command, what it does there, what that means, how many messages it has got then.
CASES: list[tuple[str, str, Outcome, int]] = [
    ("connect", "421 4.3.2 busy", DOWN, 0),
    ("connect", "554 5.7.1 go away", TURNED_AWAY, 0),
    ("connect", "what?", DOWN, 0),
    ("connect", HANG, DOWN, 0),
    ("connect", DROP, DOWN, 0),
    ("EHLO", "421 4.3.2 busy", DOWN, 0),
    ("EHLO", "550 5.7.1 go away", TURNED_AWAY, 0),
    ("EHLO", HANG, DOWN, 0),
    ("EHLO", DROP, DOWN, 0),
    ("MAIL", "421 4.3.2 busy", DOWN, 0),
    ("MAIL", "451 4.3.0 later", LATER, 0),
    ("MAIL", "550 5.7.1 not you", BLOCKED, 0),
    ("MAIL", "530 5.7.0 who are you", NO_ENTRY, 0),
    ("MAIL", HANG, DOWN, 0),
    ("MAIL", DROP, DOWN, 0),
    ("RCPT", "421 4.7.0 too many", LATER, 0),
    ("RCPT", "450 4.7.1 greylisted", LATER, 0),
    ("RCPT", "452 4.2.2 full", FULL, 0),
    ("RCPT", "550 5.1.1 nobody", GONE, 0),
    ("RCPT", "554 5.7.1 no relay", BLOCKED, 0),
    ("RCPT", HANG, SILENT, 0),
    ("RCPT", DROP, SILENT, 0),
    ("DATA", "451 4.3.0 later", LATER, 0),
    ("DATA", "554 5.5.1 no", BLOCKED, 0),
    ("DATA", "250 what?", SILENT, 0),
    ("DATA", HANG, SILENT, 0),
    ("DATA", DROP, SILENT, 0),
    ("message", "451 4.3.0 later", LATER, 1),
    ("message", "421 4.3.2 going down", LATER, 1),
    ("message", "550 5.1.1 nobody", GONE, 1),
    ("message", "554 5.7.1 spam", BLOCKED, 1),
    ("message", "552 5.2.2 full", FULL, 1),
    ("message", "354 what?", AMBIGUOUS, 1),
    ("message", HANG, AMBIGUOUS, 1),
    ("message", DROP, AMBIGUOUS, 1),
    ("QUIT", "500 no", ACCEPTED, 1),
    ("QUIT", HANG, ACCEPTED, 1),
    ("QUIT", DROP, ACCEPTED, 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "does", "means", "messages"), CASES,
    ids=[f"{verb} {does or 'hangs'}" for verb, does, *_ in CASES],
)  # fmt: skip
def test_what_the_server_does_at_a_command_ends_as_the_table_says(
    verb: str, does: str, means: Outcome, messages: int
) -> None:
    with sending(Postman({verb: does})) as it:
        notice = it.send()
        assert (notice.state, it.ledger(), notice.tries) == ENDS[means.kind]
        assert notice.reason.startswith(means.reason)
        assert notice.dead == means.dead
        assert len(it.postman.received) == messages
        assert it.alerts() == ([f"mail.{means.trouble}"] if means.trouble else [])
        stopped = it.db.do(suppression.look("ann@example.com"))
        assert (stopped is not None) == (means.address == "gone")
        circuit = it.circuit()
        assert (circuit is not None) == (means.kind in ("down", "ambiguous"))
        if means.kind in ("delayed", "down", "ambiguous"):
            assert notice.open
        if means is not ACCEPTED:
            assert notice.answer.startswith(f"{verb}: ")
            assert does.rpartition("what?")[0] in notice.answer


def test_what_wasnt_taken_goes_out_once_when_the_server_is_well_again() -> None:
    for verb, does, means, _ in CASES:
        if means.kind in ("delayed", "down"):
            well = {"connect": "220 here", "EHLO": "250", "DATA": "354 go on"}.get(verb, "250 fine")
            with sending(Postman({verb: [does, well]})) as it:
                job = it.due()
                it.mailer.deliver("ann")
                it.db.clock.advance(301)  # as long as a circuit is open at most
                before = len(it.postman.received)
                it.mailer.deliver("ann")
                assert it.notice(job).state == "sent", (verb, does)
                assert len(it.postman.received) == before + 1


def test_a_lost_answer_is_followed_by_one_more_try_with_the_same_message_id() -> None:
    with sending(Postman({"message": [DROP, "250 queued"]})) as it:
        job = it.due()
        it.mailer.deliver("ann")
        it.db.clock.advance(61)
        it.mailer.deliver("ann")
        assert it.notice(job).state == "sent"
        ids = [_header(message, b"Message-ID") for message in it.postman.received]
        assert len(ids) == 2
        assert len(set(ids)) == 1


def test_one_bad_recipient_keeps_no_other_from_their_email() -> None:
    with sending(Postman({"RCPT": ["550 5.1.1 nobody", "250 fine"]})) as it:
        assert it.send("bad").state == "failed"
        assert it.send("good").state == "sent"
        assert len(it.postman.received) == 1
        assert it.postman.connections == 1, "the connection is still good"


def test_a_slow_greeting_is_waited_for_and_one_that_is_too_slow_isnt() -> None:
    with sending(Postman(pause=0.2)) as it:
        assert it.send().state == "sent"
    with sending(Postman(pause=1)) as it:
        assert it.send().reason == DOWN.reason
        assert it.postman.received == []


def test_nobody_at_the_port_costs_no_try() -> None:
    with sending(Postman()) as it:
        pass
    it.transport = Transport(it.transport.server, QUICK)
    it.mailer = Mailer(it.db, LETTERS, it.transport, HOUSE)
    notice = it.send()
    it.transport.close()
    assert (notice.state, notice.tries, notice.reason) == ("delayed", 0, DOWN.reason)


def test_a_mailer_that_was_frozen_at_the_point_of_no_return_sends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tasks.smtp.FRESH", 0.0)  # asleep: its claim may be somebody else's by now
    with sending(Postman()) as it:
        it.send()
        assert it.postman.received == []
        assert it.ledger() == "data-sent", "so whoever takes over tries at most once more"


# -- TLS and sign-in


@pytest.fixture
def tls(tmp_path: Path) -> Callable[..., ssl.SSLContext]:
    """A server's certificate; ``tmp_path / "cert.pem"`` is its authority."""
    return lambda **facts: certificate(tmp_path, **facts)


@pytest.fixture
def trust(tmp_path: Path) -> Callable[[], ssl.SSLContext]:
    """A client's context that knows the certificate's authority."""
    return lambda: ssl.create_default_context(cafile=tmp_path / "cert.pem")


def heard(it: Sending, verb: str) -> bool:
    return any(line.upper().startswith(verb) for line in it.postman.heard)


def test_an_email_leaves_by_starttls(tls: Any, trust: Any) -> None:
    with sending(Postman(tls=tls()), tls="require", authorities=trust()) as it:
        assert it.send().state == "sent"
        assert [line.split()[0] for line in it.postman.heard[:4]] == [
            "EHLO", "STARTTLS", "EHLO", "MAIL",
        ]  # fmt: skip


def test_an_email_leaves_by_tls_from_the_start(tls: Any, trust: Any) -> None:
    with sending(Postman(tls=tls(), implicit=True), authorities=trust()) as it:
        assert it.send().state == "sent"
        assert not heard(it, "STARTTLS")


def test_where_starttls_is_stripped_nothing_is_sent_and_operators_know_the_fix() -> None:
    with sending(Postman(), tls="require") as it:
        notice = it.send()
        assert (notice.state, notice.tries, notice.reason) == ("delayed", 0, NO_TLS.reason)
        assert not heard(it, "MAIL")
        (one,) = it.db.do(alert.open_ones())
        assert one.key == "mail.tls"
        assert "RINGBACK_SMTP_TLS=offered" in one.text
        circuit = it.circuit()
        assert circuit
        assert circuit.state == "open", "at once"


@pytest.mark.parametrize("answer", ["454 4.7.0 not now", "501 5.5.4 no", DROP, HANG])
def test_where_starttls_fails_nothing_is_sent(tls: Any, answer: str) -> None:
    with sending(Postman({"STARTTLS": answer}, tls=tls()), tls="require") as it:
        assert it.send().state == "delayed"
        assert not heard(it, "MAIL")


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("bad", ["unknown authority", "another name", "expired"])
def test_a_bad_certificate_is_told_and_nothing_is_sent(
    tls: Any, trust: Any, implicit: bool, bad: str
) -> None:
    facts: Any = {"another name": {"name": "192.0.2.1"}, "expired": {"good": False}}.get(bad, {})
    postman = Postman(tls=tls(**facts), implicit=implicit)
    known = {} if bad == "unknown authority" else {"authorities": trust()}
    with sending(postman, tls="require", **known) as it:
        notice = it.send()
        assert (notice.state, notice.reason) == ("delayed", BAD_CERTIFICATE.reason)
        assert not heard(it, "MAIL")
        assert it.alerts() == ["mail.certificate"]


def test_tls_from_the_start_on_a_port_without_it_is_told() -> None:
    with sending(Postman(), implicit=True) as it:
        assert it.send().state == "delayed"
        assert it.alerts() in (["mail.tls"], [])
        assert it.postman.received == []


@pytest.mark.parametrize("mode", ["offered", "none"])
def test_in_clear_is_what_operators_may_choose(mode: Any) -> None:
    with sending(Postman(), tls=mode) as it:
        assert it.send().state == "sent"


def test_tls_is_taken_where_it_is_offered(tls: Any, trust: Any) -> None:
    with sending(Postman(tls=tls()), tls="offered", authorities=trust()) as it:
        assert it.send().state == "sent"
        assert heard(it, "STARTTLS")


def test_a_password_is_never_sent_without_tls() -> None:
    postman = Postman(extensions=("AUTH PLAIN LOGIN",))
    with sending(postman, tls="offered", user="ann", password="secret") as it:
        assert it.send().reason == NO_TLS.reason
        assert not heard(it, "AUTH")
        assert not heard(it, "MAIL")
        (one,) = it.db.do(alert.open_ones())
        assert "a password is never sent without TLS" in one.text
        assert "secret" not in one.text


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        ("235 welcome", ACCEPTED), ("535 5.7.8 no", NO_ENTRY), ("454 4.7.0 not now", DOWN),
        (DROP, DOWN), (HANG, DOWN),
    ],
)  # fmt: skip
def test_signing_in(tls: Any, trust: Any, answer: str, means: Outcome) -> None:
    postman = Postman({"AUTH": answer}, tls=tls(), extensions=("AUTH PLAIN",))
    known = {"authorities": trust(), "user": "ann", "password": "s3cret"}
    with sending(postman, tls="require", **known) as it:
        notice = it.send()
        assert notice.reason == means.reason
        assert notice.tries == 0
        assert it.alerts() == (["mail.auth"] if means is NO_ENTRY else [])
        assert (it.postman.received == []) == (means is not ACCEPTED)
        assert "s3cret" not in notice.answer


def test_a_server_with_no_way_to_sign_in_is_told(tls: Any, trust: Any) -> None:
    postman = Postman(tls=tls())
    with sending(postman, tls="require", authorities=trust(), user="ann", password="s3cret") as it:
        assert it.send().reason == NO_ENTRY.reason
        assert it.alerts() == ["mail.auth"]


# -- connections


def test_a_connection_is_used_for_more_than_one_email_with_a_reset_in_between() -> None:
    with sending(Postman()) as it:
        for user in ("ann", "bob", "cyd"):
            assert it.send(user).state == "sent"
        assert it.postman.connections == 1
        assert it.postman.heard.count("RSET") == 2


@pytest.mark.parametrize("verb", ["RSET", "MAIL"])
@pytest.mark.parametrize("does", [DROP, HANG, "421 4.4.2 idle for too long"])
def test_a_connection_found_dead_is_replaced_and_costs_no_try(verb: str, does: str) -> None:
    # MAIL of the first email goes well, that of the second finds nobody
    plan = {"RSET": does} if verb == "RSET" else {"MAIL": ["250 fine", does, "250 fine"]}
    with sending(Postman(plan)) as it:
        assert it.send("ann").state == "sent"
        notice = it.send("bob")
        assert (notice.state, notice.tries) == ("sent", 0)
        assert it.postman.connections == 2
        assert len(it.postman.received) == 2


def test_a_connection_carries_only_so_many_emails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.smtp_pool.USES", 2)
    with sending(Postman()) as it:
        for user in ("ann", "bob", "cyd"):
            assert it.send(user).state == "sent"
        assert it.postman.connections == 2
        assert "QUIT" in it.postman.heard


def test_many_threads_share_few_connections() -> None:
    with sending(Postman(pause=0.05)) as it:
        users = [f"user{n}" for n in range(24)]
        jobs = [it.due(user) for user in users]
        with ThreadPoolExecutor(12) as threads:
            list(threads.map(it.mailer.deliver, users))
        assert {it.notice(job).state for job in jobs} == {"sent"}
        assert len(it.postman.received) == len(users)
        assert it.postman.connections <= MOST


def test_an_idle_connection_is_ended_politely() -> None:
    with sending(Postman()) as it:
        it.transport = Transport(it.transport.server, replace(QUICK, idle=0.05))
        it.mailer = Mailer(it.db, LETTERS, it.transport, HOUSE)
        it.send()
        until(lambda: "QUIT" in it.postman.heard)
        it.transport.close()


# -- many emails to one domain


def test_emails_to_a_domain_have_their_turns_and_a_job_says_when() -> None:
    with sending(Postman()) as it:
        house = replace(HOUSE, to_a_domain=Limit("mail", 6))  # three at once, then each ten seconds
        it.mailer = Mailer(it.db, LETTERS, it.transport, house)
        jobs = {user: it.due(user) for user in ("ann", "bob", "cyd", "dan", "eve")}
        for user in jobs:
            it.mailer.deliver(user)
        waiting = [it.notice(jobs[user]) for user in ("dan", "eve")]
        assert [notice.state for notice in waiting] == ["waiting", "waiting"]
        assert [notice.tries for notice in waiting] == [0, 0]
        assert "Many emails go to example.com now. Yours has its turn at " in waiting[0].reason
        turns = [notice.at.ms for notice in waiting if notice.at]
        assert 9_000 <= turns[1] - turns[0] <= 11_000
        it.db.clock.advance(10.5)
        it.mailer.deliver("eve")
        assert it.notice(jobs["eve"]).state == "waiting", "its turn is the next one"
        it.mailer.deliver("dan")
        assert it.notice(jobs["dan"]).state == "sent"
        it.db.clock.advance(10)
        it.mailer.deliver("eve")
        assert it.notice(jobs["eve"]).state == "sent"


def test_another_domain_has_turns_of_its_own() -> None:
    with sending(Postman()) as it:
        house = replace(HOUSE, to_a_domain=Limit("mail", 1))
        it.mailer = Mailer(it.db, LETTERS, it.transport, house)
        assert it.send("ann").state == "sent"
        assert it.send("bob").state == "waiting"
        spec = new_spec("cyd", email="cyd@example.org", grace_absent=0, grace_present=0)
        job = it.due(spec=spec)
        it.mailer.deliver("cyd")
        assert it.notice(job).state == "sent"


def test_a_turn_that_was_missed_is_booked_anew() -> None:
    with sending(Postman()) as it:
        house = replace(HOUSE, to_a_domain=Limit("mail", 1))
        it.mailer = Mailer(it.db, LETTERS, it.transport, house)
        it.send("ann")
        missed = [it.due(user) for user in ("bob", "cyd")]
        for user in ("bob", "cyd"):
            it.mailer.deliver(user)
        it.db.clock.advance(600)
        for user in ("bob", "cyd"):
            it.mailer.deliver(user)
        assert [it.notice(job).state for job in missed] == ["sent", "waiting"]


# -- what operators send again


def test_a_refused_email_is_listed_and_sent_again_once_that_is_mended() -> None:
    with sending(Postman({"RCPT": ["554 5.7.1 no relay", "250 fine"]})) as it:
        job = it.due()
        it.mailer.deliver("ann")
        (listed,) = it.db.do(unsent.search(partitions(), 10))
        assert listed.id == job
        assert it.db.do(unsent.search(partitions(), 10, "bob")) == []
        it.db.do(unsent.send_again(job))
        assert it.alerts() == []
        with pytest.raises(NotSendable, match="it is waiting"):
            it.db.do(unsent.send_again(job))
        it.mailer.deliver("ann")
        assert it.notice(job).state == "sent"
        assert it.db.do(unsent.search(partitions(), 10)) == []
        assert len(it.postman.received) == 1


def test_an_email_that_was_put_off_for_a_day_can_be_sent_again() -> None:
    with sending(Postman({"RCPT": ["451 4.3.0 later"] * 40 + ["250 fine"]})) as it:
        job = it.due()
        while it.notice(job).open:
            it.mailer.deliver("ann")
            it.db.clock.advance(3_600)
        assert it.notice(job).reason == f"{LATER.reason} We tried for 24 hours."
        assert [one.id for one in it.db.do(unsent.search(partitions(), 10))] == [job]


@pytest.mark.parametrize("answer", ["550 5.1.1 nobody", "552 5.3.4 too big"])
def test_what_is_no_fault_of_ours_is_never_sent_again(answer: str) -> None:
    with sending(Postman({"RCPT": answer})) as it:
        job = it.due()
        it.mailer.deliver("ann")
        with pytest.raises(NotSendable, match="it is failed"):
            it.db.do(unsent.send_again(job))


# -- the breaker


def test_while_the_server_is_down_no_email_is_tried_and_all_go_out_once_it_is_back() -> None:
    with sending(Postman({"connect": ["421 busy"] * 3 + ["220 here"]})) as it:
        users = [f"user{n}" for n in range(6)]
        jobs = {user: it.due(user) for user in users}
        for user in users:
            it.mailer.deliver(user)
        assert it.postman.connections == SERVICE.threshold
        assert {it.notice(job).reason for job in jobs.values()} == {DOWN.reason}
        assert {it.notice(job).tries for job in jobs.values()} == {0}
        it.db.clock.advance(61)
        for user in users:
            it.mailer.deliver(user)
        assert {it.notice(job).state for job in jobs.values()} == {"sent"}
        circuit = it.circuit()
        assert circuit
        assert circuit.state == "closed"


def test_a_week_of_outage_ends_no_notice() -> None:
    with sending(Postman({"connect": ["421 busy"] * 30 + ["220 here"]})) as it:
        job = it.due()
        for _ in range(7 * 24):
            it.mailer.deliver("ann")
            it.db.clock.advance(3_600)
        it.mailer.deliver("ann")
        assert it.notice(job).state == "sent"


def test_the_supervisor_rings_no_sooner_than_the_server_may_be_probed() -> None:
    with sending(Postman({"connect": "421 busy"})) as it:
        for user in ("ann", "bob", "cyd", "ann"):
            it.send(user)
        due = ask(it.db, "ZSCORE", key(partition_of("ann"), "due", "notice"), "ann")
        circuit = it.circuit()
        assert circuit
        assert circuit.until
        assert due >= circuit.until.ms
        assert due <= circuit.until.ms + 31_000


def test_an_alert_is_settled_when_an_email_was_taken_again(tls: Any, trust: Any) -> None:
    postman = Postman(
        {"AUTH": ["535 5.7.8 no", "235 welcome"]}, tls=tls(), extensions=("AUTH PLAIN",)
    )
    known = {"authorities": trust(), "user": "ann", "password": "s3cret"}
    with sending(postman, tls="require", **known) as it:
        job = it.due()
        it.mailer.deliver("ann")
        assert it.alerts() == ["mail.auth"]
        it.db.clock.advance(61)
        it.mailer.deliver("ann")
        assert it.notice(job).state == "sent"
        assert it.alerts() == []


def _header(message: bytes, name: bytes) -> bytes:
    return next(line for line in message.split(b"\r\n") if line.startswith(name))
