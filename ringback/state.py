"""Where a job can stand, and the one table of how it gets from there to elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"  #: accepted and durable; waits for a worker
    RUNNING = "running"  #: an attempt holds the lease
    RETRYING = "retrying"  #: the last attempt failed; the next one has a time
    CANCELLING = "cancelling"  #: the user asked to stop; the attempt hasn't reached a checkpoint
    SUCCEEDED = "succeeded"  #: everything was done
    PARTIAL = "partial"  #: some items were done, some failed
    FAILED = "failed"  #: nothing was done, or the job broke
    CANCELLED = "cancelled"  #: stopped as asked

    @property
    def terminal(self) -> bool:
        """Whether the job has ended for good."""
        return self in TERMINAL


ACTIVE = frozenset({State.QUEUED, State.RUNNING, State.RETRYING, State.CANCELLING})
TERMINAL = frozenset(State) - ACTIVE

#: The state machine, whole: every edge and what takes it. README draws the same picture.
TRANSITIONS: Mapping[tuple[State, State], str] = {
    (State.QUEUED, State.RUNNING): "a worker claims it",
    (State.QUEUED, State.CANCELLED): "cancelled while waiting",
    (State.QUEUED, State.FAILED): "deadline passed",
    (State.RUNNING, State.QUEUED): "lease expired or worker stopping",
    (State.RUNNING, State.RETRYING): "retryable error, attempts left",
    (State.RUNNING, State.CANCELLING): "cancel requested",
    (State.RUNNING, State.SUCCEEDED): "all items fine",
    (State.RUNNING, State.PARTIAL): "some items failed",
    (State.RUNNING, State.FAILED): "no item fine, or a final error",
    (State.RETRYING, State.QUEUED): "its time has come",
    (State.RETRYING, State.CANCELLED): "cancelled while waiting",
    (State.RETRYING, State.FAILED): "deadline passed",
    (State.CANCELLING, State.CANCELLED): "checkpoint reached or lease expired",
    (State.CANCELLING, State.SUCCEEDED): "it ended before a checkpoint",
    (State.CANCELLING, State.PARTIAL): "it ended before a checkpoint",
    (State.CANCELLING, State.FAILED): "it broke before a checkpoint",
}
