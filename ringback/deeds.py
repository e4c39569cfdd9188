"""What support does to other people's jobs: as their users could, or with force. Each deed is in
the audit trail with who did it and why, refused ones too."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from ringback import control
from ringback.audit import audited
from ringback.job import Job, Scope
from ringback.keys import Call
from ringback.store import Submitted


def cancel(job_id: str, who: str, why: str) -> Generator[Call, Any, Job]:
    """Asks a job to stop; its user is told who did. Raises what ``control.cancel`` raises."""
    deed = control.cancel(job_id, by="support", why=why)
    return audited(who, "cancel", why, [job_id], deed)


def force(job_id: str, who: str, why: str) -> Generator[Call, Any, Job]:
    """Ends a job without waiting for a checkpoint. Raises what ``control.force`` raises."""
    return audited(who, "force", why, [job_id], control.force(job_id, who, why))


def retry(job_id: str, who: str, why: str, scope: Scope) -> Generator[Call, Any, Submitted]:
    """Does an ended job again, as a new one. Raises what ``control.retry`` raises."""
    deed = control.retry(job_id, scope=scope)
    return audited(who, f"retry {scope}", why, [job_id], deed)
