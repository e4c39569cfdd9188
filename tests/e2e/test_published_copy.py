"""An author publishes copy on one node: all nodes and mailers have it, each its own process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.auth import Tokens
from ringback.job import Owner
from tests.e2e.client import rest
from tests.e2e.look import notice_of
from tests.rig import Rig, free_port

ROOT = "/api/v1/studio"


def author(rig: Rig) -> str:
    return Tokens(rig.settings).issue(Owner(id="amy"), roles=["author"])


def email_of(rig: Rig, user: str, gate: Path) -> Any:
    """The email about a new job of somebody's that has ended."""
    body = {"type": "test.gate", "params": {"path": str(gate)}}
    job_id = str(rest("POST", f"{rig.url}/api/v1/jobs", rig.token(user), body).json["id"])
    gate.touch()
    assert notice_of(rig, job_id).state == "sent"
    (message,) = rig.emails(f"{user}@example.com")
    return message


def test_what_is_published_on_one_node_is_in_the_next_email_and_on_the_others(
    rig: Rig, gate: Path
) -> None:
    other = free_port()
    node = rig.gateway(other)
    before = email_of(rig, "before", gate)
    assert before["X-Ringback-Message"] == "succeeded"

    message = f"{ROOT}/messages/succeeded"
    files = {"subject.txt": "Ours: {{ job.subject }}"}
    made = rest("POST", f"{rig.url}{message}/publish", author(rig), {"files": files, "base": None})
    assert (made.status, made.json["revision"]) == (201, 1)
    after = email_of(rig, "after", gate)
    assert (after["Subject"], after["X-Ringback-Message"]) == (
        f"Ours: {before['Subject']}", "succeeded@1",
    )  # fmt: skip
    shown = rest("GET", f"http://127.0.0.1:{other}{message}", author(rig)).json
    assert (shown["origin"], shown["revision"]) == ("published", 1)

    back = {"revision": 0, "base": 1, "note": "too much"}
    gone = rest("POST", f"http://127.0.0.1:{other}{message}/rollback", author(rig), back)
    assert (gone.status, gone.json["withdrawn"]) == (201, True)
    assert email_of(rig, "later", gate)["Subject"] == before["Subject"]
    assert node.stop() == 0
