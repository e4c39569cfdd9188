"""What mail servers send back, read: each one's way of writing a report, and whatever else."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback import dsn
from ringback.dsn import Report, Unreadable, read

SAMPLES = Path(__file__).parent / "data" / "bounces"
MESSAGE_ID = "<8f14e45fceea167a5a36dedd4bea2543@jobs.example.com>"
JOB = "1f-01971c2e-7b1c-7d30-8f7e-0a1b2c3d4e5f"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.eml"))


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.eml").read_bytes()


@pytest.mark.parametrize(
    ("name", "action", "status", "diagnostic"),
    [
        ("postfix", "failed", "5.1.1", "550 5.1.1 <ada@example.org>: Recipient address rejected:"),
        ("postfix_delayed", "delayed", "4.4.1", "connect to mail.example.org[192.0.2.25]:25: Con"),
        ("exchange", "failed", "5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient"),
        ("gmail", "failed", "5.2.2", "552-5.2.2 The recipient's inbox is out of storage space."),
        ("exim", "failed", "5.1.1", "550 5.1.1 No such user here"),
        ("policy", "failed", "5.7.26", "550 5.7.26 This mail has been blocked because the sender"),
        ("delivered", "delivered", "2.0.0", "250 2.0.0 Ok: queued as 7D1F0A"),
        ("global", "failed", "5.1.1", "550 5.1.1 <ada@example.org>: Recipient address rejected:"),
    ],
)
def test_each_servers_report_is_read(name: str, action: str, status: str, diagnostic: str) -> None:
    (report,) = read(sample(name))
    assert (report.action, report.status) == (action, status)
    assert report.diagnostic.startswith(diagnostic)
    assert [address.lower() for address in report.recipients] == ["ada@example.org"]
    assert (report.message_id, report.job) == (MESSAGE_ID, JOB)


def test_a_complaint_is_read_and_its_recipient_may_be_hidden() -> None:
    assert read(sample("arf")) == (
        Report(
            action="complaint", recipients=("redacted-9f2c@example.org",), diagnostic="abuse",
            message_id=MESSAGE_ID, job=JOB,
        ),
    )  # fmt: skip


def test_who_takes_a_complaint_back_complains_of_nothing() -> None:
    with pytest.raises(Unreadable, match="no spam"):
        read(sample("arf").replace(b"Feedback-Type: abuse", b"Feedback-Type: not-spam"))


def test_every_recipient_of_a_report_has_its_own() -> None:
    second = b"\n\nFinal-Recipient: rfc822; eve@example.org\nAction: delayed\nStatus: 4.2.0\n\n"
    both = sample("postfix").replace(b"\nFinal-Recipient", second + b"\nFinal-Recipient", 1)
    assert [(r.recipients, r.action, r.status) for r in read(both)] == [
        (("eve@example.org",), "delayed", "4.2.0"), (("ada@example.org",), "failed", "5.1.1"),
    ]  # fmt: skip


def test_a_mail_pipe_may_put_a_line_before_the_message() -> None:
    line = b"From MAILER-DAEMON  Thu Mar 12 09:14:04 2026\n"
    assert read(line + sample("postfix")) == read(sample("postfix"))


def test_line_ends_of_either_kind_are_the_same() -> None:
    assert read(sample("postfix").replace(b"\n", b"\r\n")) == read(sample("postfix"))
    assert read(sample("exchange").replace(b"\r\n", b"\n")) == read(sample("exchange"))


def test_a_report_in_a_forwarding_envelope_is_found() -> None:
    inner = sample("postfix").partition(b"Content-Type: multipart/report")
    wrapped = (
        b"Subject: Fwd\nContent-Type: multipart/mixed; boundary=outer\n\n--outer\n\nLook:\n"
        b"--outer\n" + inner[1] + inner[2] + b"\n--outer--\n"
    )
    assert read(wrapped) == read(sample("postfix"))


def test_what_is_cut_off_behind_the_status_is_read_as_far_as_it_goes() -> None:
    raw = sample("postfix")
    (report,) = read(raw[: raw.index(b"Content-Description: Undelivered")])
    assert (report.status, report.message_id) == ("5.1.1", "")


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_a_status_that_was_encoded_on_the_way_is_read(encoding: str) -> None:
    raw = sample("postfix")
    start, end = raw.index(b"Reporting-MTA"), raw.index(b"\n--9C3", raw.index(b"Action"))
    coded = base64.encodebytes(raw[start:end]) if encoding == "base64" else raw[start:end]
    kind = b"Content-Type: message/delivery-status\n"
    told = kind + f"Content-Transfer-Encoding: {encoding}\n".encode()
    (report,) = read((raw[:start] + coded + raw[end:]).replace(kind, told))
    assert (report.status, report.message_id) == ("5.1.1", MESSAGE_ID)


@pytest.mark.parametrize(
    ("told", "diagnostic", "status"),
    [
        ("5.1.1", "550 5.7.1 no", "5.1.1"),
        ("5.0.0", "550 5.1.1 no such user", "5.1.1"),
        ("5.0.0", "451 4.7.1 later", "5.0.0"),
        ("", "550 user unknown", "5.0.0"),
        ("", "it just failed", ""),
        ("5.1.1 (unknown user)", "", "5.1.1"),
        ("15.1.1.7", "", ""),
    ],
)
def test_the_servers_words_help_a_status_that_says_little(
    told: str, diagnostic: str, status: str
) -> None:
    raw = sample("exim").replace(b"Status: 5.0.0", f"Status: {told}".encode())
    (report,) = read(raw.replace(b"550 5.1.1 No such user here", diagnostic.encode()))
    assert report.status == status


# -- what is none


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "empty"),
        (b" \r\n\n", "empty"),
        (b"Subject: out of office\n\nI'm away until Monday.\n", "no report"),
        (b"\n\nbody only", "no report"),
        (b"Content-Type: multipart/report; boundary=b\n\n--b\n\n--b--", "no report"),
        (sample("exim_old"), "no report"),
        (sample("postfix").replace(b"Action: failed", b"Action: vanished"), "names no recipient"),
        (sample("postfix").replace(b"-Recipient: ", b"-Nobody: "), "names no recipient"),
        (sample("arf").replace(b"Feedback-Type", b"Feedback-Tripe"), "names no recipient"),
    ],
)
def test_what_is_no_report_is_refused_with_what_is_missing(raw: bytes, told: str) -> None:
    with pytest.raises(Unreadable, match=told):
        read(raw)


def test_a_complaint_or_bounce_without_the_returned_email_has_no_message_id() -> None:
    raw = sample("postfix").replace(b"message/rfc822", b"text/plain")
    assert [(r.message_id, r.job) for r in read(raw)] == [("", "")]


def readable(raw: bytes) -> None:
    """Whatever comes is read, or refused in our words; and what is read is bounded."""
    try:
        reports = read(raw)
    except Unreadable:
        return
    for report in reports:
        assert len(report.diagnostic) <= dsn.VALUE
        assert report.diagnostic.isprintable()
        assert len(report.message_id) <= 250
        for address in report.recipients:
            assert "@" in address
            assert len(address) <= dsn.VALUE
    assert len(reports) <= dsn.RECIPIENTS + 1


@given(st.binary(max_size=5_000))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    readable(raw)


@given(st.data(), st.sampled_from(NAMES))
@settings(max_examples=300)
def test_any_damage_to_a_report_is_read_or_refused(data: st.DataObject, name: str) -> None:
    raw = sample(name)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw)))
        end = min(len(raw), start + data.draw(st.integers(0, 200)))
        raw = raw[:start] + data.draw(st.binary(max_size=50)) + raw[end:]
    readable(raw)


REPORT = b"Content-Type: multipart/report; boundary=b\n\n"
STATUS = REPORT + b"--b\nContent-Type: message/delivery-status\n"
MATRYOSHKA = b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"A" * (4 << 20),
        b"\n" * (1 << 20),
        b"x: y\n" * 200_000,
        b" folded\n" * 130_000,
        REPORT + b"--b\n" * 250_000,
        REPORT + b"--b" + b" " * (1 << 20),
        b"".join(MATRYOSHKA % (n, n) for n in range(9_999)),
        b'Content-Type: multipart/report; boundary="' + b'\\"' * (1 << 19),
        b"Content-Type: multipart/report; " + b"boundary=;" * 100_000,
        STATUS + b"\n" + b"\n \t" * 300_000,
        STATUS + b"\n" + b"Final-Recipient: " * 60_000,
        STATUS + b"\n" + b"Action: failed\n\n" * 60_000,
        STATUS + b"Content-Transfer-Encoding: base64\n\n" + b"=" * (1 << 20),
        REPORT + b"--b\nContent-Type: message/rfc822\n\nMessage-ID: " + b"<" * (1 << 20),
    ],
    ids=range(14),
)
def test_no_message_keeps_the_reader_busy(raw: bytes) -> None:
    began = time.process_time()
    readable(raw)
    assert time.process_time() - began < 5.0
