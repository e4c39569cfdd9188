"""What users want of emails is what they get, up to the moment at which an email would go out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from ringback.notice import SEEN_AND_ASKED, TURNED_OFF
from tests.e2e.client import Client, rest
from tests.e2e.look import notice_of, story
from tests.rig import Rig, until

Tab = Callable[[], Client]


def prefer(rig: Rig, user: str, **wanted: Any) -> None:
    """The user changes their preferences."""
    url = f"{rig.url}/api/v1/me/preferences"
    assert rest("PATCH", url, rig.token(user), wanted).status == 200


def submit(rig: Rig, user: str, gate: Path) -> str:
    body = {"type": "test.gate", "params": {"path": str(gate)}}
    return str(rest("POST", f"{rig.url}/api/v1/jobs", rig.token(user), body).json["id"])


def explained(rig: Rig, job_id: str) -> str:
    return " ".join(rig.cli("jobs", "explain", job_id).stdout.split())


def test_who_wants_no_emails_gets_none_and_the_job_says_why(rig: Rig, gate: Path) -> None:
    job_id = submit(rig, "quiet-one", gate)
    prefer(rig, "quiet-one", email="never")  # after the start: the newest word counts
    gate.touch()
    assert notice_of(rig, job_id).reason == TURNED_OFF
    assert f"Email: skipped. {TURNED_OFF}" in explained(rig, job_id)
    assert rig.emails("quiet-one@example.com") == []


def test_who_wants_each_email_gets_it_though_a_tab_showed_the_end(
    rig: Rig, tab: Tab, gate: Path
) -> None:
    prefer(rig, "keen", email="always", locale="de", timezone="Asia/Tokyo")
    client = tab().open(rig.url, rig.token("keen"))
    client.connected()
    job_id = client.submit("test.gate", path=str(gate))
    client.sees_state(job_id, "running")
    gate.touch()
    client.sees(job_id, lambda view: (view["email"] or {}).get("state") == "sent")
    assert f"email waiting: {SEEN_AND_ASKED}" in story(rig, job_id)
    (message,) = rig.emails("keen@example.com")
    body = message.get_body(("plain",))
    assert body is not None
    text = " ".join(body.get_content().split())
    assert "diesen Auftrag gestartet haben und jedes Mal eine E-Mail wünschen" in text
    today = datetime.now(UTC) + timedelta(hours=9)
    assert f"{today:%d.%m.%Y}" in text  # as German has it, on Tokyo's day


def test_quiet_hours_hold_the_email_and_the_job_says_until_when(rig: Rig, gate: Path) -> None:
    end = datetime.now(UTC) + timedelta(hours=2)
    hours = {"from": f"{end - timedelta(hours=4):%H:%M}", "to": f"{end:%H:%M}"}
    prefer(rig, "sleeper", quiet_hours=hours)
    job_id = submit(rig, "sleeper", gate)
    gate.touch()
    told = f"Waiting until {end:%H:%M} because of your quiet hours."
    waiting = f"email waiting: {told}"
    until(lambda: waiting in story(rig, job_id), what=waiting)
    assert f"Email: waiting. {told}" in explained(rig, job_id)
    assert rig.emails("sleeper@example.com") == []
    prefer(rig, "sleeper", quiet_hours=None)  # awake again: nothing to wait for
    assert notice_of(rig, job_id).state == "sent"


def test_jobs_that_end_within_a_window_come_in_one_email_when_it_ends(rig: Rig, gate: Path) -> None:
    prefer(rig, "collector", digest_window=6)
    gate.touch()
    first = submit(rig, "collector", gate)
    told = "email waiting: Your next email goes out at "
    until(lambda: any(what.startswith(told) for what in story(rig, first)), what=told)
    second = submit(rig, "collector", gate)
    assert notice_of(rig, first).state == notice_of(rig, second).state == "sent"
    (message,) = rig.emails("collector@example.com")
    assert sorted(str(message["X-Ringback-Job"]).split(", ")) == sorted([first, second])
    assert "with all jobs that ended until then." in explained(rig, first)


def test_unsubscribing_as_mail_programs_do_skips_the_next_email(rig: Rig, gate: Path) -> None:
    gate.touch()
    first = submit(rig, "leaver", gate)
    assert notice_of(rig, first).state == "sent"
    (message,) = rig.emails("leaver@example.com")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = str(message["List-Unsubscribe"]).strip("<>")
    body = message.get_body(("html",))
    assert body is not None
    assert link in body.get_content()
    assert urlsplit(link).netloc == urlsplit(rig.url).netloc

    with urlopen(link) as page:  # a scanner looks at it
        assert b"Stop these emails?" in page.read()
    second = submit(rig, "leaver", gate)
    assert notice_of(rig, second).state == "sent"
    with urlopen(Request(link, b"List-Unsubscribe=One-Click")) as answer:
        assert answer.status == 200
    third = submit(rig, "leaver", gate)
    assert notice_of(rig, third).reason == TURNED_OFF
    assert len(rig.emails("leaver@example.com")) == 2
