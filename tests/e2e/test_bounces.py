"""Emails that come back: from a mail server's pipe to the page, with real parts between."""

from __future__ import annotations

import mailbox
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ringback import sent, suppression
from ringback.client import Client as Backend
from ringback.job import Owner
from tests.e2e.client import Client
from tests.e2e.look import notice_of, story
from tests.rig import ROOT, WITHIN, Rig, free_port
from tests.test_docs import block
from tests.test_dsn import JOB, MESSAGE_ID, sample


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A whole installation."""
    whole = Rig(tmp_path_factory.mktemp("bounces"))
    whole.own["BOUNCE_TOKEN"] = "a secret for bounces"
    whole.all()
    yield whole
    whole.close()


def told(rig: Rig, user: str) -> str:
    """A job whose end was told by an email."""
    owner = Owner(id=user, email=f"{user}@example.com")
    with Backend(rig.settings) as backend:
        job_id = backend.submit("test.count", owner=owner, params={"to": 1}).id
    assert notice_of(rig, job_id).state == "sent"
    return job_id


def returned(rig: Rig, user: str, name: str = "postfix") -> bytes:
    """The report of a mail server about the last email to a user."""
    message = rig.emails(f"{user}@example.com")[-1]
    raw = sample(name).replace(b"ada@example.org", f"{user}@example.com".encode())
    raw = raw.replace(MESSAGE_ID.encode(), str(message["Message-ID"]).encode())
    return raw.replace(JOB.encode(), str(message["X-Ringback-Job"]).encode())


def pipe(rig: Rig, raw: bytes, source: str = "-", **env: str) -> subprocess.CompletedProcess[bytes]:
    """What Postfix does with a message for us."""
    return subprocess.run(
        [sys.executable, "-m", "ringback.cli", "bounces", source], input=raw, cwd=ROOT,
        env=rig.env(**env), capture_output=True, timeout=WITHIN, check=False,
    )  # fmt: skip


def test_an_email_that_comes_back_shows_on_the_open_page_and_stops_the_address(
    rig: Rig, tab: Callable[[], Client]
) -> None:
    job_id = told(rig, "gone")
    page = tab().open(rig.url, rig.token("gone"))
    page.snapshot()
    done = pipe(rig, b"From MAILER-DAEMON Thu Mar 12 09:14:04 2026\n" + returned(rig, "gone"))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == (
        "bounce 5.1.1 g…@example.com: nobody is written to there any more\n".encode()
    )
    email = page.sees(job_id, lambda view: view["email"]["state"] == "failed")["email"]
    words = "It came back: there is no such mailbox as g…@example.com. No more emails go there"
    assert email["reason"].startswith(words)
    assert story(rig, job_id)[-1].startswith(f"email failed: {words}")
    page.leave()

    # the next email isn't written, and everybody can see why
    with Backend(rig.settings) as backend:
        owner = Owner(id="gone", email="gone@example.com")
        later = backend.submit("test.count", owner=owner, params={"to": 2}).id
    notice = notice_of(rig, later)
    assert notice.state == "skipped"
    assert notice.reason.startswith("Emails to g…@example.com have been stopped since ")
    explained = " ".join(rig.cli("jobs", "explain", later).stdout.split())
    assert "Email: skipped. Emails to g…@example.com have been stopped since" in explained
    assert len(rig.emails("gone@example.com")) == 1


def test_operators_lift_and_add_addresses_from_the_shell(rig: Rig) -> None:
    assert rig.cli("suppressions", "add", "eve@example.com").returncode == 2
    refused = rig.cli("suppressions", "add", "no at", "--reason", "x")
    assert (refused.returncode, "must be an email address" in refused.stderr) == (2, True)
    added = rig.cli("suppressions", "add", "eve@Example.com", "--reason", "She asked us to.")
    assert added.stdout == "Nobody is written to at eve@example.com any more.\n"
    listed = rig.cli("suppressions", "list", "--source", "operator").stdout
    assert "eve@example.com" in listed
    assert "She asked us to." in listed
    shown = rig.cli("suppressions", "show", "eve@example.com").stdout
    assert "operator by " in shown
    assert "Our support did so: She asked us to." in " ".join(shown.split())
    again = rig.cli("suppressions", "add", "eve@example.com", "--reason", "Another.").stdout
    assert "was stopped already" in again
    lifted = rig.cli("suppressions", "remove", "eve@example.com", "--reason", "back")
    assert lifted.stdout == "eve@example.com is written to again.\n"
    for command in (["show"], ["remove", "--reason", "x"]):
        gone = rig.cli("suppressions", command[0], "eve@example.com", *command[1:])
        assert (gone.returncode, "aren't stopped" in gone.stderr) == (2, True)
    trail = rig.cli("audit").stdout
    assert "suppress eve@example.com" in trail
    assert "lift suppression of eve@example.com" in trail


def test_a_forged_report_is_ignored_and_said_so(rig: Rig) -> None:
    told(rig, "eve")
    forged = returned(rig, "eve").replace(b"eve@example.com", b"victim@example.com")
    done = pipe(rig, forged)
    assert "ignored: that email went to somebody else" in done.stdout.decode()
    done = pipe(rig, sample("postfix"))
    assert "ignored: we sent no such email in the last 30 days" in done.stdout.decode()
    assert rig.do(suppression.look("victim@example.com")) is None
    assert rig.do(suppression.look("ada@example.org")) is None


def test_a_message_that_is_no_report_is_left_and_not_sent_back(rig: Rig) -> None:
    for raw in (b"Subject: I'm away\n\nUntil Monday.\n", b"", bytes(range(256)), b"x" * (3 << 20)):
        done = pipe(rig, raw)
        assert (done.returncode, done.stdout[:9]) == (0, b"ignored: ")


def test_a_mail_server_keeps_the_message_while_the_store_is_away(rig: Rig) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    done = pipe(rig, sample("postfix"), STORE_URL=nowhere)
    assert done.returncode == 75
    assert b"give the message again" in done.stderr


def test_a_mailbox_and_a_maildir_are_read_and_the_maildir_is_read_once(
    rig: Rig, tmp_path: Path
) -> None:
    for user in ("full", "mad"):
        told(rig, user)
    reports = [returned(rig, "full", "gmail"), returned(rig, "mad", "arf")]
    box = mailbox.mbox(tmp_path / "mbox")
    for raw in [*reports, b"Subject: lunch?\n\nAt noon?\n"]:
        box.add(raw)
    box.close()
    done = pipe(rig, b"", str(tmp_path / "mbox")).stdout.decode()
    assert "bounce 5.2.2 f…@example.com: noted" in done
    assert "complaint m…@example.com: nobody is written to there any more" in done
    assert done.endswith("1 noted, 1 suppressed, 1 unreadable\n")

    folder = mailbox.Maildir(tmp_path / "maildir")
    for raw in reports:
        folder.add(raw)
    assert "2 known\n" in pipe(rig, b"", str(tmp_path / "maildir")).stdout.decode()
    assert "There was no message.\n" in pipe(rig, b"", str(tmp_path / "maildir")).stdout.decode()
    assert [message.get_flags() for message in folder] == ["S", "S"]


def test_what_is_no_mailbox_is_named(rig: Rig, tmp_path: Path) -> None:
    for source, wanted in ((tmp_path, "no Maildir"), (tmp_path / "none", "can't be read")):
        done = pipe(rig, b"", str(source))
        assert done.returncode == 2
        assert wanted in " ".join(done.stderr.decode().split())


def test_what_left_is_kept_for_as_long_as_it_may_come_back(rig: Rig) -> None:
    job_id = told(rig, "kept")
    message_id = str(rig.emails("kept@example.com")[-1]["Message-ID"])
    found = rig.do(sent.find(message_id))
    assert found
    assert (found.jobs, found.address) == ((job_id,), "kept@example.com")


def test_the_command_of_the_bounces_page_tells_of_a_bounce(rig: Rig) -> None:
    told(rig, "ada")
    message_id = str(rig.emails("ada@example.com")[-1]["Message-ID"])
    given = {"GATEWAY": rig.url, "BOUNCE_TOKEN": rig.own["BOUNCE_TOKEN"], "MESSAGE_ID": message_id}
    command = ["bash", "-euo", "pipefail", "-c", block("bounces", "docs/bounces.md")]
    ran = subprocess.run(
        command, env={**os.environ, **given}, capture_output=True, text=True, timeout=WITHIN,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    shown = (ROOT / "docs" / "bounces.md").read_text().partition("```json\n")[2].partition("\n")[0]
    assert ran.stdout == shown
