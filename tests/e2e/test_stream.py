"""Server-sent events over the crash of a gateway: nothing is missing, and what came is no email."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from ringback.notice import SEEN
from tests.e2e.client import rest
from tests.e2e.look import ended, notice_of, pass_waits
from tests.rig import WITHIN, Rig, free_port, until


class Stream:
    """A client that reads events from where it was."""

    def __init__(self, response: Any, cursor: str | None) -> None:
        self._response = response
        self.cursor = cursor
        self.views: list[Any] = []

    def sees_end(self, job_id: str) -> Any:
        """The view with which a job ended."""
        while True:
            view = self._next_view()
            if view["id"] == job_id and view["finished_at"]:
                return view

    def _next_view(self) -> Any:
        event: dict[str, str] = {}
        while event.get("event") != "job":
            event = dict(self._lines())
            self.cursor = event.get("id", self.cursor)
        self.views.append(json.loads(event["data"]))
        return self.views[-1]

    def _lines(self) -> Iterator[tuple[str, str]]:
        while line := self._response.readline().decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            yield name, value


@contextmanager
def streaming(url: str, token: str, cursor: str | None = None) -> Iterator[Stream]:
    """A stream, once the gateway serves."""
    headers = {"Authorization": f"Bearer {token}"}
    if cursor:
        headers["Last-Event-ID"] = cursor
    request = Request(f"{url}/api/v1/events", headers=headers)

    def opened() -> Any:
        with suppress(OSError):
            return urlopen(request, timeout=WITHIN)

    with until(opened, what="a stream") as response:
        yield Stream(response, cursor)


def submitted(url: str, token: str, gate: Path) -> str:
    """A job that ends when its gate is there, and whose email waits for long."""
    wanted = {"type": "test.patient", "params": {"path": str(gate)}}
    job_id: str = rest("POST", f"{url}/api/v1/jobs", token, wanted).json["id"]
    return job_id


def test_a_stream_goes_on_when_its_gateway_was_killed_and_its_cursor_prevents_the_email(
    rig: Rig, tmp_path: Path
) -> None:
    user, port = "streams", free_port()
    node, url, token = rig.gateway(port), f"http://127.0.0.1:{port}", rig.token("streams")
    gates = [tmp_path / f"gate-{number}" for number in range(3)]
    first, second = (submitted(url, token, gate) for gate in gates[:2])
    with streaming(url, token) as before:
        gates[0].touch()
        assert before.sees_end(first)["version"] == ended(rig, first).ended_version
        node.kill()
    assert notice_of(rig, first, "waiting").open, "that it was sent is no proof"
    gates[1].touch()  # ends while no gateway is there
    ended(rig, second)
    node.start()

    with streaming(url, token, before.cursor) as after:
        assert after.sees_end(second)["version"] == ended(rig, second).ended_version
        assert notice_of(rig, first).reason == SEEN
    with streaming(url, token, after.cursor):
        assert notice_of(rig, second).reason == SEEN
    for job_id in (first, second):
        versions = [v["version"] for v in (*before.views, *after.views) if v["id"] == job_id]
        assert versions == sorted(set(versions)), "a view came twice, or an older one later"

    gates[2].touch()  # nobody sees this end: its email goes out, and tells nothing of the others
    third = submitted(url, token, gates[2])
    ended(rig, third)
    pass_waits(rig, user)
    assert notice_of(rig, third).state == "sent"
    (email,) = rig.emails(f"{user}@example.com")
    assert email["X-Ringback-Job"] == third
    node.stop()
