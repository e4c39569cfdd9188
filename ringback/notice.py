"""The duty to tell a user how a job ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ringback.instant import NOTICE_DUE, NOW, Instant

NoticeState = Literal["waiting", "sending", "delayed", "sent", "skipped", "failed"]
#: When somebody wants an email: if no client proved receipt, in any case, or not at all.
EmailChoice = Literal["fallback", "always", "never"]

FOLLOWS = "An email follows unless an open page shows this."
SEEN = "Seen live, so no email was needed."
SEEN_AND_ASKED = "Seen live, and an email follows because you want one each time."
TURNED_OFF = "You turned off emails about jobs like this one."
WITH_PIPELINE = "Told with its pipeline."
NO_ADDRESS = "There is no email address for this user."
CANCELLED_BY_USER = "Cancelled by the user, so there was nothing to tell."
MAYBE = "Sent, but the mail server's answer got lost twice: it may have come twice or not at all."
MAYBE_ONCE = "Sent, but the answer got lost, then the second try was refused: it may have come."
UNSURE = (MAYBE, MAYBE_ONCE)  #: nobody can know, so nobody sends it again


@dataclass(frozen=True, slots=True)
class Notice:
    """The duty to tell the user how the job ended.

    ``waiting``, ``sending`` and ``delayed`` are open; the others end it: exactly one of
    receipt (``skipped``), accepted email (``sent``), recorded reason (``skipped``, ``failed``).
    Methods are the transitions; where one doesn't fit the state, nothing changes.
    """

    state: NoticeState
    reason: str
    at: Instant | None = None
    message_id: str | None = None
    tries: int = 0  #: deliveries that were put off
    first_try: Instant | None = None  #: when the first of them was
    seen: bool = False  #: a client proved receipt, and the user wants an email all the same
    answer: str = ""  #: the mail server's last words, for support
    dead: bool = False  #: failed by no fault of its user: operators may send it again
    booked: Instant | None = None  #: the turn it has, where many emails go to its domain

    @property
    def open(self) -> bool:
        """Whether something is still to be done."""
        return self.state in ("waiting", "sending", "delayed")

    def proven(self, choice: EmailChoice) -> Notice:
        """A client has the view. That is the end, or, for who wants an email each time, the end of
        the wait; too late once an email is being sent."""
        if self.state not in ("waiting", "delayed"):
            return self
        if choice != "always":
            return Notice("skipped", SEEN, NOW)
        if self.seen or self.state == "delayed":
            return replace(self, seen=True)
        return replace(self, reason=SEEN_AND_ASKED, at=NOW, seen=True)

    def afresh(self) -> Notice:
        """The user's preferences changed: what it waited for may not count any more, so it gets its
        grace anew."""
        if self.state != "waiting":
            return self
        if self.seen:
            return replace(self, reason=SEEN_AND_ASKED, at=NOW)
        return replace(self, reason=FOLLOWS, at=NOTICE_DUE)

    def started(self, message_id: str) -> Notice:
        """A mailer takes it on."""
        if not self.open:
            return self
        if (self.state, self.message_id) == ("sending", message_id):
            return self  # else the mark is that of a mailer which had lost its claim by then
        return replace(
            self, state="sending", reason="The email is being sent.", at=NOW, message_id=message_id
        )

    def sent(self, reason: str, answer: str = "") -> Notice:
        """The mail server accepted the email, or may have."""
        if not self.open:
            return self
        return Notice("sent", reason, NOW, self.message_id, answer=answer)

    def failed(self, reason: str, answer: str = "", *, dead: bool = False) -> Notice:
        """No email goes out; ``dead``: by no fault of the user."""
        if not self.open:
            return self
        return Notice("failed", reason, NOW, self.message_id, answer=answer, dead=dead)

    def came_back(
        self, message_id: str, reason: str, answer: str = "", *, dead: bool = False
    ) -> Notice:
        """The email of this Message-ID was taken, and not delivered after all; which may be heard
        before the books are closed."""
        theirs = message_id != self.message_id
        if theirs or self.state not in ("sending", "delayed", "sent"):
            return self
        return Notice("failed", reason, NOW, message_id, answer=answer, dead=dead)

    def again(self) -> Notice:
        """Operators have mended what kept it from being sent; where it was that, and no fault of
        the user."""
        return Notice("waiting", "Being sent again by our operators.", NOW) if self.dead else self

    def delayed(self, reason: str, delay: int, answer: str = "") -> Notice:
        """A delivery was put off by ``delay`` ms."""
        if not self.open:
            return self
        return replace(
            self, state="delayed", reason=reason, at=NOW.after(delay), tries=self.tries + 1,
            first_try=self.first_try or NOW, answer=answer,
        )  # fmt: skip

    def paused(self, reason: str, answer: str = "") -> Notice:
        """No email can leave: due as before, and no try was made. Told once, however long that
        lasts: how long the user isn't written to is kept with the user."""
        if not self.open or (self.state, self.reason) == ("delayed", reason):
            return self
        return replace(self, state="delayed", reason=reason, at=NOW, answer=answer)

    def held(self, reason: str, until: int, message_id: str | None = None) -> Notice:
        """No email goes out before ``until`` (ms since 1970)."""
        if not self._waits(message_id):
            return self
        return replace(self, state="waiting", reason=reason, at=Instant(until))

    def queued(self, reason: str, turn: int, message_id: str | None = None) -> Notice:
        """Its turn comes at ``turn`` (ms since 1970): so many emails go to its domain."""
        if not self._waits(message_id):
            return self
        return replace(self.held(reason, turn, message_id), booked=Instant(turn))

    def skipped(self, reason: str, message_id: str | None = None) -> Notice:
        """Its user wants no email."""
        return Notice("skipped", reason, NOW) if self._waits(message_id) else self

    def _waits(self, message_id: str | None) -> bool:
        """Whether it may still be kept back: no email, of this Message-ID, is being sent."""
        if message_id is None or self.state != "sending":
            return self.state in ("waiting", "delayed")
        # asleep: another id is the mark of a mailer that had lost its claim, and sends nothing
        return self.message_id != message_id
