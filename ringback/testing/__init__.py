"""For the tests of those who write jobs (docs/testing.md): a store in memory, and a worker in the
test's own thread. Needs ``pip install 'ringback[testing]'``."""

from ringback.testing.clock import Clock
from ringback.testing.fake import AsyncFakeStore, FakeStore, Packet
from ringback.testing.outcome import Outcome
from ringback.testing.rehearsal import Event
from ringback.testing.runner import retry_job, run_job

__all__ = [
    "AsyncFakeStore",
    "Clock",
    "Event",
    "FakeStore",
    "Outcome",
    "Packet",
    "retry_job",
    "run_job",
]
