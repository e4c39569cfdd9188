"""When an email goes out: exactly once where no client proved receipt, never where one did."""

from __future__ import annotations

import re
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from urllib.request import urlopen

import pytest
import redis

from gateway.auth import Tokens
from ringback.job import Owner
from ringback.notice import NO_ADDRESS
from tests.e2e.client import Client, rest
from tests.e2e.look import ended, notice_of, story
from tests.rig import Rig, free_port, until

Tab = Callable[[], Client]


def _submit(rig: Rig, token: str, **params: object) -> str:
    body = {"type": "test.gate", "params": params}
    return str(rest("POST", f"{rig.url}/api/v1/jobs", token, body).json["id"])


def _only_email(rig: Rig, user: str, *jobs: str) -> EmailMessage:
    """The one email that was sent to the user, after the notices have ended."""
    for job_id in jobs:
        assert notice_of(rig, job_id).state == "sent"
        sent = [what for what in story(rig, job_id) if what.startswith("email sent")]
        assert len(sent) == 1
    (message,) = rig.emails(f"{user}@example.com")
    return message


def test_one_email_goes_out_when_nobody_is_there(rig: Rig, gate: Path) -> None:
    job_id = _submit(rig, rig.token("nobody"), path=str(gate))
    gate.touch()
    message = _only_email(rig, "nobody", job_id)
    assert message["X-Ringback-Job"] == job_id
    body = message.get_body(("plain",))
    assert body is not None
    assert "The gate opened" in body.get_content()


@pytest.mark.parametrize("leave", [Client.kill, Client.leave])
def test_one_email_goes_out_when_the_tab_closes_before_the_end(
    rig: Rig, tab: Tab, gate: Path, leave: Callable[[Client], None]
) -> None:
    user = f"closes-{leave.__name__}"
    client = tab().open(rig.url, rig.token(user))
    client.connected()
    job_id = client.submit("test.gate", path=str(gate))
    client.sees_state(job_id, "running")
    leave(client)
    gate.touch()
    _only_email(rig, user, job_id)


def test_one_email_goes_out_when_the_client_is_connected_but_frozen(
    rig: Rig, tab: Tab, gate: Path
) -> None:
    client = tab().open(rig.url, rig.token("frozen"), transports=["websocket"])
    client.connected()
    job_id = client.submit("test.gate", path=str(gate))
    client.sees_state(job_id, "running")
    client.freeze()
    gate.touch()
    _only_email(rig, "frozen", job_id)

    # awake again, it proves receipt of the end; the email can't be called back, nor sent again
    client.thaw()
    client.sees(job_id, lambda view: (view["email"] or {}).get("state") == "sent")
    _only_email(rig, "frozen", job_id)


def test_one_email_goes_out_when_the_gateway_dies_between_publish_and_receipt(
    rig: Rig, tab: Tab, gate: Path
) -> None:
    port = free_port()
    node = rig.gateway(port)
    client = tab().open(f"http://127.0.0.1:{port}", rig.token("unproven"))
    client.connected()
    job_id = client.submit("test.gate", path=str(gate))
    client.sees_state(job_id, "running")
    node.freeze()
    gate.touch()
    ended(rig, job_id)  # published to a gateway that will never push it
    node.kill()
    client.kill()
    node.start()
    _only_email(rig, "unproven", job_id)
    node.stop()


def test_jobs_that_are_due_together_make_one_email(rig: Rig, gate: Path) -> None:
    supervisor = next(p for p in rig.processes if p.log_path.name.startswith("supervisor"))
    token = rig.token("digest")
    supervisor.freeze()
    try:
        jobs = [_submit(rig, token, path=str(gate)) for _ in range(2)]
        gate.touch()
        due = max(_due_at(rig, job_id) for job_id in jobs)
        until(lambda: _store_time(rig) > due, what="both notices are due")
    finally:
        supervisor.thaw()
    message = _only_email(rig, "digest", *jobs)
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().count("The gate opened") == 2


def test_no_email_goes_out_to_a_user_without_an_address(rig: Rig, gate: Path) -> None:
    gate.touch()
    job_id = _submit(rig, Tokens(rig.settings).issue(Owner(id="no-address")), path=str(gate))
    assert notice_of(rig, job_id).reason == NO_ADDRESS


def _due_at(rig: Rig, job_id: str) -> int:
    """When the ended job's notice is due, in ms."""
    notice = ended(rig, job_id).notice
    assert notice is not None
    assert notice.at is not None
    return notice.at.ms


def _store_time(rig: Rig) -> int:
    """The store's clock, in ms."""
    with redis.Redis.from_url(rig.valkey.url) as client:
        seconds, micros = client.time()
        return int(seconds) * 1000 + int(micros) // 1000


def test_a_file_is_had_from_the_email_without_a_sign_in_where_the_type_says_so(rig: Rig) -> None:
    body = {"type": "test.hands"}
    job_id = str(rest("POST", f"{rig.url}/api/v1/jobs", rig.token("hands"), body).json["id"])
    message = _only_email(rig, "hands", job_id)
    links = {
        link for kind in ("plain", "html")
        for link in re.findall(r"https?://[^\s\"<>]+/d/[\w.-]+", _part(message, kind))
    }  # fmt: skip
    (link,) = links
    assert link.startswith(f"{rig.url}/d/")
    with urlopen(link) as page:
        assert "rows.csv" in page.read().decode()
    with urlopen(link, data=b"") as file:
        assert file.read() == b"id,name\n17,\n"


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content
