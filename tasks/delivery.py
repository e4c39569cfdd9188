"""One email on its way: from the marks on its notices, over the wire, to what became of it.

The ledger (``ringback.outbox``) is written before each step that a successor has to know of.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

from letters.headers import thread
from letters.letter import Letters, Reader
from letters.published import layer
from ringback import limits, outbox, sent, store, suppression
from ringback.breaker import Refusal
from ringback.codec import view_json
from ringback.connection import Store
from ringback.errors import JobNotFound
from ringback.handout import Handouts
from ringback.job import Job
from ringback.library import Library
from ringback.limits import Limit
from ringback.notice import MAYBE, MAYBE_ONCE
from ringback.outbox import Ledger, LedgerState, Rest
from ringback.preferences import Hold, Preferences, Skip
from ringback.suppression import Suppression
from ringback.unsubscribe import Links, Subscription
from tasks import sorting
from tasks.envelope import Envelope
from tasks.mail_gate import Gate, spread
from tasks.seal import Seal
from tasks.smtp import Aborted, Transport
from tasks.smtp_answer import ACCEPTED, DOWN, NO_MAILBOX, Outcome
from tasks.sorting import Terms

log = structlog.get_logger(__name__)

PATIENCE = 30.0  #: seconds that a mailer waits for the store
FIRST_DELAY, LONGEST_DELAY = 10_000, 3_600_000  #: ms between tries
GIVE_UP = 86_400_000  #: ms after the first try
AMBIGUOUS_TRIES = 2  #: the first and one more
TURN_KEPT = 60_000  #: ms for which a turn among the emails to a domain may be taken
_LEDGER_AFTER: dict[str, LedgerState] = {"accepted": "accepted", "ambiguous": "data-sent"}
UNSEEN = "fallback; no open page showed it in time"
ASKED = "always; the user wants an email each time"


@dataclass(frozen=True, slots=True)
class House:
    """What all emails of an installation have in common: the ``domain`` of their Message-IDs, the
    ``window`` (ms) that an email collects for where its user chose none, the unsubscribe ``links``,
    how many emails a user gets ``an_hour`` at most, how many go ``to_a_domain`` in a minute, who
    gets what comes back (``bounces``; "": the author), what signs links to files (``handouts``)
    and what the emails (``seal``)."""

    domain: str
    window: int
    links: Links
    an_hour: int = outbox.AN_HOUR
    to_a_domain: Limit | None = None
    bounces: str = ""
    seal: Seal | None = None
    handouts: Handouts | None = None


@dataclass(frozen=True, slots=True)
class Means:
    """What a process has to send emails with, under the rules of ``house``."""

    db: Store
    letters: Letters
    transport: Transport
    house: House
    gate: Gate
    library: Library = field(default_factory=Library)

    def window(self, wanted: Preferences) -> int:
        """For how many ms an email to a user with these preferences collects."""
        chosen = wanted.digest_window
        return self.house.window if chosen is None else chosen * 1000


class Delivery:
    """One email under way. ``rest``: what comes after it, once its ledger is done with; None until
    then."""

    def __init__(self, means: Means, user: str, token: str, ledger: Ledger, terms: Terms) -> None:
        self.rest: Rest | None = None
        self._means = means
        self._db = means.db
        self._user = user
        self._token = token
        self._ledger = ledger
        self._terms = terms
        self._wanted = terms.wanted
        self._address = ""
        self._stopped: Suppression | None = None
        self._turn: int | None = None  #: ms since 1970

    def go_on(self) -> None:
        """From where the ledger stands. Raises Aborted once another mailer holds the claim."""
        if self._ledger.state == "accepted":
            self.close(ACCEPTED.reason)
        elif self._ledger.state == "data-sent":
            self.lost_answer()
        else:
            self.attempt()

    def attempt(self) -> None:
        """Marks the notices, then sends what no receipt has ended meanwhile; unless the mail server
        is known to be down."""
        self._write("reserved")
        leave, outcome = self._means.gate.enter(), None
        if isinstance(leave, Refusal):
            self._pause(DOWN, spread(leave.retry_in))
            return
        try:
            outcome = self._try()
        finally:
            wait = self._means.gate.report(leave, outcome)
        if outcome is None:
            self.rest = Rest()
            return
        told = {"kind": outcome.kind, "answer": outcome.answer, "jobs": self._ledger.jobs}
        log.info("email.outcome", **told)
        self._conclude(outcome, wait)

    def _try(self) -> Outcome | None:
        """What became of the email; None: there was nothing to send after all."""
        jobs = self._start()
        try:
            return self._send(jobs) if jobs else None
        except ValueError as error:  # the address can't be written into a header, say
            return Outcome("refused", f"The email couldn't be written: {error}", heard=False)

    def close(self, reason: str, answer: str = "") -> None:
        """The server has it: closes the books."""
        told = self._each(lambda job: job.email_sent(reason, answer))
        # a grave failure's email is none that the next digest has to keep its distance from
        digest = any(not job.grave for job in told)
        self.rest = Rest(self._means.window(self._wanted) if digest else 0)

    def lost_answer(self) -> None:
        """A try ended without an answer: one more, later, or the end."""
        self._ledger = replace(self._ledger, ambiguous=self._ledger.ambiguous + 1)
        if self._ledger.ambiguous >= AMBIGUOUS_TRIES:
            self.close(MAYBE)
            return
        self.attempt()

    def _start(self) -> list[Job]:
        self._look()
        started = self._each(self._begun)
        mine = [job for job in started if self._is_mine(job)]
        self._ledger = replace(self._ledger, jobs=tuple(job.id for job in mine))
        return mine

    def _look(self) -> None:
        """At its address (jobs of one email have the same), whether that is written to, and when
        its domain has a turn."""
        jobs = self._each(lambda job: job)
        for job in jobs[:1]:
            self._address = job.spec.owner.email or ""
            self._stopped = self._db.do(suppression.look(self._address), patience=PATIENCE)
        if self._stopped is None and not self._ledger.ambiguous:
            self._turn = self._book(jobs)

    def _book(self, jobs: Sequence[Job]) -> int | None:
        """The moment (ms since 1970) until which the email has to wait; None: it may go."""
        limit, now = self._means.house.to_a_domain, self._terms.now
        wanted = [job for job in jobs if self._terms.obstacle(job) is None]
        if limit is None or not wanted:
            return None
        turns = [job.notice.booked.ms for job in wanted if job.notice and job.notice.booked]
        if any(turn <= now <= turn + TURN_KEPT for turn in turns):
            return None
        wait = self._db.do(limits.book(limit, self._domain), patience=PATIENCE)
        return now + wait if wait else None

    @property
    def _domain(self) -> str:
        return suppression.normal(self._address).rpartition("@")[2]

    def _queue(self, job: Job, turn: int) -> Job:
        at = sorting.moment(turn, self._terms.now, sorting.zone_for([job], self._wanted))
        told = f"Many emails go to {self._domain} now. Yours has its turn {at}."
        return job.email_queued(told, turn, self._ledger.message_id)

    def _begun(self, job: Job) -> Job:
        # what may be on the wire already is brought to its end, whatever the user prefers by now
        if job.notice is None or self._ledger.ambiguous:
            return job.email_started(self._ledger.message_id)
        match self._terms.obstacle(job):
            case Skip(reason):
                return job.email_skipped(reason, self._ledger.message_id)
            case _ if self._stopped is not None:
                told = suppression.told(self._stopped)
                return job.email_skipped(told, self._ledger.message_id)
            case Hold(reason, until):
                return job.email_held(reason, until, self._ledger.message_id)
        if self._turn is not None:
            return self._queue(job, self._turn)
        return job.email_started(self._ledger.message_id)

    def _is_mine(self, job: Job) -> bool:
        notice = job.notice
        return (
            notice is not None
            and notice.state == "sending"
            and notice.message_id == self._ledger.message_id
        )

    def _send(self, jobs: Sequence[Job]) -> Outcome:
        reader = self._reader(jobs)
        # the copy that they came due with, even if there is newer copy by now
        made = min(job.finished_at.ms for job in jobs if job.finished_at)
        shown = self._db.do(self._means.library.at(made), patience=PATIENCE)
        message = self._means.letters.compose(
            [self._shown(job) for job in jobs],
            reader,
            message_id=self._ledger.message_id,
            date=datetime.now(UTC),
            reason=ASKED if reader.asked else UNSEEN,
            published=layer(shown.values()),
        )
        if len(jobs) == 1:  # a digest is in no job's thread
            spec = jobs[0].spec
            root = spec.root or spec.id
            thread(message, root, self._means.house.domain, retry=root != spec.id)
        envelope = Envelope.of(message, self._means.house.bounces, self._means.house.seal)
        return self._means.transport.send(envelope, lambda: self._leaves(jobs))

    def _shown(self, job: Job) -> dict[str, Any]:
        """The view that the letter tells."""
        view, handouts = orjson.loads(view_json(job)), self._means.house.handouts
        return view if handouts is None else handouts.signed(job, view, self._terms.now)

    def _leaves(self, jobs: Sequence[Job]) -> None:
        """From here on it may be out in the world, and come back (see ``ringback.bounce``)."""
        self._write("data-sent")
        ids = [job.id for job in jobs]
        note = sent.note(
            self._ledger.message_id, self._user, self._address, ids,
            again=bool(self._ledger.ambiguous),
        )  # fmt: skip
        self._db.do(note, patience=PATIENCE)

    def _reader(self, jobs: Sequence[Job]) -> Reader:
        owner, wanted = jobs[0].spec.owner, self._wanted
        types = {job.spec.type for job in jobs}
        about = Subscription(owner.id, types.pop() if len(types) == 1 else None)
        return Reader(
            id=owner.id, email=owner.email or "", name=owner.name,
            locale=wanted.locale or owner.locale, timezone=wanted.timezone or owner.timezone,
            asked=any(wanted.choice(job.spec.type) == "always" for job in jobs),
            stop=self._means.house.links.url(about),
        )  # fmt: skip

    def _conclude(self, outcome: Outcome, wait: int) -> None:
        # asleep for a minute: whoever took the claim over concludes, not we
        self._write(_LEDGER_AFTER.get(outcome.kind, "reserved"))
        reason, answer = outcome.reason, outcome.answer
        self._learn(outcome)
        match outcome.kind:
            case "accepted":
                self.close(reason, answer)
            case "refused" | "delayed" if self._ledger.ambiguous and self._is_over(outcome):
                # the first try may have come: sent again, it would come twice for certain
                self.close(MAYBE_ONCE, answer)
            case "refused":
                self._each(lambda job: job.email_failed(reason, answer, dead=outcome.dead))
                self.rest = Rest()
            case "delayed":
                self._each(lambda job: put_off(job, outcome))
                self._let_go()
            case "down":
                self._pause(outcome, wait)
            case "ambiguous":
                # the ledger stays at data-sent: whoever holds the next claim knows
                told = f"{reason} We'll try once more."
                self._each(lambda job: job.email_delayed(told, outbox.CLAIM, answer))

    def _is_over(self, outcome: Outcome) -> bool:
        return outcome.kind == "refused" or any(map(given_up, self._each(lambda job: job)))

    def _learn(self, outcome: Outcome) -> None:
        """What the answer says of the address."""
        if outcome.kind == "accepted":
            self._db.do(suppression.accepted(self._address), patience=PATIENCE)
        elif outcome.address == "gone":
            stop = suppression.suppress(self._address, NO_MAILBOX, "smtp")
            self._db.do(stop, patience=PATIENCE)
        elif outcome.address == "soft":
            self._db.do(suppression.soft_bounce(self._address, outcome.reason), patience=PATIENCE)

    def _pause(self, outcome: Outcome, wait: int) -> None:
        """No email can leave for ``wait`` ms, which is no try."""
        self._each(lambda job: job.email_paused(outcome.reason, outcome.answer))
        self._let_go(wait)

    def _let_go(self, pause: int = 0) -> None:
        if not self._ledger.ambiguous:  # else the ledger stays: the next one has to know
            self.rest = Rest(pause=pause)

    def _each(self, change: Callable[[Job], Job]) -> list[Job]:
        changed = []
        for job_id in self._ledger.jobs:
            with suppress(JobNotFound):
                changed.append(self._db.do(store.update(job_id, change), patience=PATIENCE))
        return changed

    def _write(self, state: LedgerState) -> None:
        self._ledger = replace(self._ledger, state=state)
        if not self._db.do(outbox.write(self._user, self._token, self._ledger), patience=PATIENCE):
            raise Aborted


def put_off(job: Job, outcome: Outcome) -> Job:
    """Another try later: exponential with jitter, for 24 hours after the first one."""
    tries = job.notice.tries if job.notice else 0
    ceiling = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(tries, 16))
    delay = random.randint(ceiling // 2, ceiling)
    if given_up(job):
        told = f"{outcome.reason} We tried for 24 hours."
        return job.email_failed(told, outcome.answer, dead=not outcome.address)
    told = f"{outcome.reason} We try again for up to 24 hours."
    return job.email_delayed(told, delay, outcome.answer)


def given_up(job: Job) -> bool:
    """Whether a day of tries has passed."""
    return tried(job) > GIVE_UP


def tried(job: Job) -> int:
    """Milliseconds between the first delivery that was put off and the job's last change, by the
    store's clock."""
    if job.notice is None or job.notice.first_try is None:
        return 0
    return job.updated_at.ms - job.notice.first_try.ms
