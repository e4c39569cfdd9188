"""What mail servers' answers mean, row by row, with answers as real servers give them."""

from __future__ import annotations

import re

import pytest

from tasks import smtp_answer
from tasks.smtp_answer import (
    ABOUT_IT,
    ACCEPTED,
    AMBIGUOUS,
    BLOCKED,
    CLOSED,
    DOWN,
    FULL,
    GONE,
    LATER,
    LETTERS,
    NO_ENTRY,
    NO_TLS,
    OPENING,
    SILENT,
    TABLE,
    TOO_LARGE,
    TURNED_AWAY,
    UNROUTABLE,
    Outcome,
    Verb,
    meaning,
    silence,
)

ANSWERS: list[tuple[Verb, str, Outcome]] = [
    ("message", "250 2.0.0 Ok: queued as 4F2A", ACCEPTED),
    ("message", "252 fine", ACCEPTED),
    # the server as a whole
    ("connect", "421 4.3.2 Too busy", DOWN),
    ("connect", "554 5.7.1 Your host is on a list", TURNED_AWAY),
    ("EHLO", "550 5.7.1 Bad HELO", TURNED_AWAY),
    ("EHLO", "451 4.3.0 Not now", DOWN),
    ("STARTTLS", "454 4.7.0 TLS not available due to temporary reason", DOWN),
    ("STARTTLS", "501 5.5.4 No parameters", NO_TLS),
    ("AUTH", "535 5.7.8 Username and Password not accepted", NO_ENTRY),
    ("AUTH", "534 5.7.9 Application-specific password required", NO_ENTRY),
    ("AUTH", "454 4.7.0 Temporary authentication failure", DOWN),
    ("MAIL", "421 4.7.0 Idle for too long", DOWN),
    ("MAIL", "530 5.7.0 Authentication required", NO_ENTRY),
    ("MAIL", "530 5.7.0 Must issue a STARTTLS command first", NO_ENTRY),
    ("RCPT", "530 5.7.1 Client was not authenticated", NO_ENTRY),
    ("message", "530 5.7.57 Client not authenticated to send mail", NO_ENTRY),
    # for now
    ("MAIL", "451 4.3.0 Try again", LATER),
    ("MAIL", "452 4.3.1 Insufficient system storage", LATER),
    ("RCPT", "450 4.7.1 Greylisted, come back in 5 minutes", LATER),
    ("RCPT", "421 4.7.0 Too many of you", LATER),
    ("RCPT", "451 Requested action aborted", LATER),
    ("DATA", "451 4.3.0 Later", LATER),
    ("message", "451 4.7.650 The mail server has been temporarily rate limited", LATER),
    ("message", "421 4.7.28 Unusual rate of mail", LATER),
    ("RCPT", "452 4.2.2 The email account that you tried to reach is over quota", FULL),
    ("RCPT", "452 Mailbox full", FULL),
    ("RCPT", "552 5.2.2 Mailbox full", FULL),
    ("message", "552 5.2.2 Over quota", FULL),
    ("RCPT", "552 Aborted", FULL),
    ("RCPT", "552 Requested mail action aborted: exceeded storage allocation", FULL),
    # too large, letters
    ("MAIL", "552 5.3.4 Message size exceeds fixed limit", TOO_LARGE),
    ("MAIL", "552 Message size exceeds maximum permitted", TOO_LARGE),
    ("message", "552 5.3.4 Too big", TOO_LARGE),
    ("message", "552 Message too large", TOO_LARGE),
    ("RCPT", "552 5.2.3 Too big for this mailbox", TOO_LARGE),
    ("RCPT", "553 5.6.7 Internationalized address not supported", LETTERS),
    # the sender is ours
    ("MAIL", "550 5.1.1 Sender unknown", BLOCKED),
    ("MAIL", "553 5.7.1 Sender address rejected: not owned by user", BLOCKED),
    ("MAIL", "550 No", BLOCKED),
    ("RCPT", "550 5.1.8 Sender's domain not found", BLOCKED),
    ("RCPT", "553 5.1.7 Bad sender's mailbox address", BLOCKED),
    # no such mailbox
    ("RCPT", "550 5.1.1 The email account that you tried to reach does not exist", GONE),
    ("RCPT", "550 5.1.2 Bad destination system", GONE),
    ("RCPT", "501 5.1.3 Bad recipient address syntax", GONE),
    ("RCPT", "551 5.1.6 The mailbox has moved", GONE),
    ("RCPT", "556 5.1.10 Recipient address has null MX", GONE),
    ("message", "550 5.1.1 User unknown", GONE),
    ("RCPT", "550 No such user here", GONE),
    ("RCPT", "550 Requested action not taken: mailbox unavailable", GONE),
    ("RCPT", "553 Mailbox name not allowed", GONE),
    ("RCPT", "551 User not local", GONE),
    ("RCPT", "550 5.5.0 Requested action not taken: mailbox unavailable", GONE),
    ("RCPT", "550 5.4.1 Recipient address rejected: user doesn't exist", GONE),
    ("message", "554 delivery error: This user doesn't have an account; unknown user", GONE),
    # there, and no use
    ("RCPT", "550 5.2.1 The mailbox is disabled", CLOSED),
    ("RCPT", "550 5.1.0 Address rejected", UNROUTABLE),
    ("RCPT", "550 5.4.4 Unable to route", UNROUTABLE),
    ("RCPT", "550 5.2.4 Mailing list expansion problem", UNROUTABLE),
    # policy: ours to mend
    ("RCPT", "554 5.7.1 Relay access denied", BLOCKED),
    ("RCPT", "550 5.7.1 Unable to relay", BLOCKED),
    ("RCPT", "550 relay not permitted", BLOCKED),
    ("RCPT", "550 rejected: your address is blacklisted", BLOCKED),
    ("RCPT", "554 Transaction failed", BLOCKED),
    ("RCPT", "503 5.5.1 Bad sequence of commands", BLOCKED),
    ("DATA", "554 5.5.1 Error: no valid recipients", BLOCKED),
    ("message", "550 5.7.26 Unauthenticated email is not accepted due to DMARC policy", BLOCKED),
    ("message", "550 5.7.1 Message rejected as spam", BLOCKED),
    ("message", "554 5.6.0 Message content rejected", BLOCKED),
    ("message", "554 Transaction failed", BLOCKED),
    ("message", "550 Administrative prohibition", BLOCKED),
    # an enhanced code of another class than the code's says nothing
    ("RCPT", "451 5.1.1 Confused", LATER),
    ("RCPT", "550 4.1.1 Confused", GONE),
    # nothing that a server may say there
    ("DATA", "250 No 354", SILENT),
    ("RCPT", "354 Go on", SILENT),
    ("message", "354 Go on", AMBIGUOUS),
    ("message", "-1 Malformed", AMBIGUOUS),
    ("connect", "-1 Malformed", DOWN),
]  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "answer", "means"), ANSWERS, ids=[f"{v} {a}" for v, a, _ in ANSWERS]
)
def test_an_answer_means_what_the_table_says(verb: Verb, answer: str, means: Outcome) -> None:
    code, _, text = answer.partition(" ")
    found = meaning(verb, int(code), text)
    assert (found.kind, found.reason, found.address, found.dead, found.trouble) == (
        means.kind, means.reason, means.address, means.dead, means.trouble,
    )  # fmt: skip
    assert found.answer == f"{verb}: {answer}"


@pytest.mark.parametrize(
    ("verb", "means"),
    [
        *((verb, DOWN) for verb in (*OPENING, "MAIL")),
        ("RCPT", SILENT), ("DATA", SILENT), ("message", AMBIGUOUS),
    ],
)  # fmt: skip
def test_silence_is_ambiguous_only_once_the_email_was_sent(verb: Verb, means: Outcome) -> None:
    found = silence(verb, "Connection lost")
    assert (found.kind, found.reason, found.heard) == (means.kind, means.reason, False)
    assert found.answer == f"{verb}: no answer (Connection lost)"


@pytest.mark.parametrize("verb", [*OPENING, "MAIL", *ABOUT_IT])
def test_every_code_means_something_at_every_command(verb: Verb) -> None:
    for code in range(400, 600):
        found = meaning(verb, code, "what it says")
        assert found.kind in (("down",) if verb in OPENING else ("delayed", "down", "refused"))
        assert (found.kind == "refused") <= (code >= 500)
        assert found.dead <= (found.trouble is not None), "operators hear of what they may repeat"


def test_each_row_of_the_table_is_of_use() -> None:
    used = set()
    for verb, answer, _ in ANSWERS:
        code, _, text = answer.partition(" ")
        enhanced = smtp_answer._enhanced(int(code), text)
        used.add(
            next((i for i, r in enumerate(TABLE) if r.fits(verb, int(code), enhanced, text)), -1)
        )
    assert used >= set(range(len(TABLE)))


def test_people_read_words_and_no_codes() -> None:
    told = {row.means.reason for row in TABLE} | {ACCEPTED.reason, AMBIGUOUS.reason, SILENT.reason}
    for reason in told:
        assert reason.endswith(".")
        assert not re.search(r"\d{3}|\d\.\d|SMTP|RCPT|TLS", reason)


def test_a_long_answer_is_cut_and_its_lines_are_joined() -> None:
    found = meaning("RCPT", 550, "5.1.1 first\n5.1.1 second " + "x" * 1_000)
    assert found.answer.startswith("RCPT: 550 5.1.1 first 5.1.1 second x")
    assert len(found.answer) == smtp_answer.ANSWER_SHOWN
