"""What the gateway sends over sockets and streams: the table of its events.

``/asyncapi.json`` is made from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from gateway.models import ExpiringEvent, JobsEvent, JobView


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One event: its payload, when it comes, and whether it tells a place in the feed."""

    name: str
    payload: type[BaseModel]
    summary: str
    cursor: bool = True


JOBS = Outgoing(
    "jobs", JobsEvent, "First on a fresh connection, and whenever all is to be replaced"
)
JOB = Outgoing("job", JobView, "A job changed; ignore a version that isn't newer than yours")
EXPIRING = Outgoing("auth:expiring", ExpiringEvent, "The token ends soon", cursor=False)
OUTGOING = (JOBS, JOB, EXPIRING)
