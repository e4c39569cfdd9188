"""The header of emails as they arrive: threads, feedback, and who gets what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

from ringback.job import Spec
from tasks.deliver import Mailer
from tests.postman import Postman
from tests.rig import new_spec
from tests.test_postman import HOUSE, LETTERS, Sending, sending


def of(user: str = "ann", root: str | None = None) -> Spec:
    spec = new_spec(user, grace_absent=0, grace_present=0)
    return replace(spec, root=root, retry_of=root)


def arrived(it: Sending) -> Sequence[EmailMessage]:
    parser = BytesParser(EmailMessage, policy=policy.default)
    return [parser.parsebytes(message) for message in it.postman.received]


def test_a_job_and_its_retries_are_one_thread() -> None:
    with sending(Postman()) as it:
        first = it.due(spec=of())
        it.mailer.deliver("ann")
        for _ in range(2):  # a retry, and the retry of that
            it.due(spec=of(root=first))
            it.mailer.deliver("ann")
        it.due(spec=of())
        it.mailer.deliver("ann")
        began, *retries, other = arrived(it)
    thread = began["References"]
    assert thread.startswith("<job.")
    assert thread.endswith("@example.com>")
    assert first not in thread
    assert began["In-Reply-To"] is None
    for retry in retries:
        assert retry["References"] == retry["In-Reply-To"] == thread
    assert other["References"] != thread
    assert len({email["Message-ID"] for email in arrived(it)}) == 4


def test_a_digest_is_in_no_thread() -> None:
    with sending(Postman()) as it:
        it.due(spec=of()), it.due(spec=of())
        it.mailer.deliver("ann")
        (digest,) = arrived(it)
    assert digest["References"] is None
    assert digest["In-Reply-To"] is None


def test_feedback_is_counted_by_message_type_and_installation_and_not_by_reader() -> None:
    with sending(Postman()) as it:
        it.send("zoe")
        (email,) = arrived(it)
    assert email["Feedback-ID"] == "succeeded:csv.import:127.0.0.1:ringback"
    assert "zoe" not in email["Feedback-ID"]


def test_what_comes_back_goes_to_an_address_of_its_own() -> None:
    with sending(Postman()) as it:
        house = replace(HOUSE, bounces="bounces@example.com")
        it.mailer = Mailer(it.db, LETTERS, it.transport, house)
        it.send()
        (email,) = arrived(it)
        assert "MAIL FROM:<bounces@example.com>" in it.postman.heard
    assert email["From"] == "Ringback <no-reply@example.com>"


def test_a_server_hears_how_large_an_email_is_and_of_letters_where_it_knows_of_that() -> None:
    with sending(Postman(extensions=("SIZE 1000000", "SMTPUTF8", "8BITMIME"))) as it:
        job = it.due("bob", replace(of("bob"), owner=replace(of("bob").owner, email="bøb@x.test")))
        it.mailer.deliver("bob")
        assert it.notice(job).state == "sent"
        (mail,) = [line for line in it.postman.heard if line.startswith("MAIL")]
        assert "RCPT TO:<bøb@x.test>" in it.postman.heard
        size = len(it.postman.received[0].removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n."))
    assert f"SIZE={size}" in mail
    assert mail.endswith("BODY=8BITMIME SMTPUTF8")


def test_an_address_that_the_server_cant_write_is_told() -> None:
    with sending(Postman()) as it:
        job = it.due("bob", replace(of("bob"), owner=replace(of("bob").owner, email="bøb@x.test")))
        it.mailer.deliver("bob")
        notice = it.notice(job)
        assert notice.state == "failed"
        assert "letters other than a to z" in notice.reason
        assert it.postman.received == []
