"""The duty to tell a user how a job ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ringback.instant import Instant

NoticeState = Literal["waiting", "sending", "delayed", "sent", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class Notice:
    """The duty to tell the user how the job ended.

    ``waiting``, ``sending`` and ``delayed`` are open; the others end it: exactly one of
    receipt (``skipped``), accepted email (``sent``), recorded reason (``skipped``, ``failed``).
    """

    state: NoticeState
    reason: str
    at: Instant | None = None
    message_id: str | None = None
    tries: int = 0  #: deliveries that were put off

    @property
    def open(self) -> bool:
        """Whether something is still to be done."""
        return self.state in ("waiting", "sending", "delayed")


SEEN = "Seen live, so no email was needed."
WITH_PIPELINE = "Told with its pipeline."
NO_ADDRESS = "There is no email address for this user."
CANCELLED_BY_USER = "Cancelled by the user, so there was nothing to tell."
