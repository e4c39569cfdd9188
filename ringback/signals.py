"""Being asked to stop, for processes whose main thread has nothing else to do.

The signals are blocked and waited for. A Python handler that sets an Event would do, but for a
second signal that comes while it is setting: that one deadlocks.
"""

from __future__ import annotations

import signal
import time

STOP = frozenset({signal.SIGTERM, signal.SIGINT})


def block() -> None:
    """To be called before any thread is started: threads inherit it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)


def wait() -> None:
    """Returns once the process is asked to stop."""
    signal.sigwait(STOP)


def wait_for(seconds: float) -> bool:
    """Waits; whether the process was asked to stop meanwhile."""
    # not sigtimedwait: continued after a SIGSTOP, CPython 3.11's answers a signal that never came
    time.sleep(seconds)
    return bool(signal.sigpending() & STOP)
