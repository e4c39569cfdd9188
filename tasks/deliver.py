"""``email.deliver``: turns a user's due notices into emails, as ``tasks.sorting`` says which.

Guarantee: every notice ends in a receipt, an accepted email or a recorded reason. No notice is
told twice, but where the server's answer to DATA got lost: then there is one more try with the
same Message-ID, and the job says so.

What the user prefers is asked here, when a notice is due: so the newest word counts.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parseaddr

import orjson
import structlog

from letters.letter import Letters, Reader, Sender
from letters.shelf import Shelf
from ringback import outbox, preferences, sent, store, suppression
from ringback.codec import view_json
from ringback.connection import Store
from ringback.doorbell import DELIVER, MAIL_QUEUE
from ringback.errors import JobNotFound, SettingsError
from ringback.job import Job
from ringback.notice import MAYBE
from ringback.outbox import Claim, Ledger
from ringback.preferences import Hold, Skip
from ringback.settings import Settings
from ringback.suppression import Suppression
from ringback.unsubscribe import Links, Subscription
from ringback.worker import Actor
from tasks import sorting
from tasks.smtp import Aborted, Outcome, Transport
from tasks.sorting import Terms

log = structlog.get_logger(__name__)

PATIENCE = 30.0  #: seconds that a mailer waits for the store
FIRST_DELAY, LONGEST_DELAY = 10_000, 3_600_000  #: ms between tries
GIVE_UP = 86_400_000  #: ms after the first try
AMBIGUOUS_TRIES = 2  #: the first and one more
_LEDGER_AFTER = {"accepted": "accepted", "ambiguous": "data-sent"}
UNSEEN = "fallback; no open page showed it in time"
ASKED = "always; the user wants an email each time"


@dataclass(frozen=True, slots=True)
class House:
    """What all emails of an installation have in common: the ``domain`` of their Message-IDs, the
    ``window`` (ms) that an email collects for where its user chose none, the unsubscribe ``links``,
    and how many emails a user gets ``an_hour`` at most."""

    domain: str
    window: int
    links: Links
    an_hour: int = outbox.AN_HOUR


class Mailer:
    """Delivers for one process."""

    def __init__(self, db: Store, letters: Letters, transport: Transport, house: House) -> None:
        self._db = db
        self._letters = letters
        self._transport = transport
        self._house = house

    def deliver(self, user: str) -> None:
        """Writes to ``user`` if notices are due and nobody else is at it."""
        token = secrets.token_hex(8)
        an_hour = self._house.an_hour
        claim = self._db.do(outbox.claim(user, token, an_hour), patience=PATIENCE)
        if claim is None:
            return
        try:
            window = self._write(user, token, claim)
        except Aborted:
            log.info("email.claim_lost", user=user)
            return
        if window is not None:
            self._db.do(outbox.release(user, token, window), patience=PATIENCE)

    def _write(self, user: str, token: str, claim: Claim) -> int | None:
        """The ms before the user's next digest; None where an email is under way still, and with it
        the claim: what else is due waits until that one has come to its end."""
        jobs = self._load(claim.ledger.jobs if claim.ledger else claim.due)
        terms = self._terms(user, token, claim, jobs)
        window = 0
        ledgers = [claim.ledger] if claim.ledger else sorting.emails(jobs, self._house.domain)
        for ledger in ledgers:
            delivery = _Delivery(self, user, token, ledger, terms)
            delivery.go_on()
            if delivery.window is None:
                return None
            window = max(window, delivery.window)
        return window

    def _load(self, ids: Sequence[str]) -> list[Job]:
        jobs = []
        for job_id in ids:
            with suppress(JobNotFound):
                jobs.append(self._db.do(store.load(job_id), patience=PATIENCE))
        return jobs

    def _terms(self, user: str, token: str, claim: Claim, jobs: Sequence[Job]) -> Terms:
        wanted = self._db.do(preferences.load(user), patience=PATIENCE)
        terms = Terms(now=claim.now, wanted=wanted)
        opens = terms.window_end(jobs, self.window(wanted))
        if opens is not None and claim.ledger is None and claim.next_digest <= claim.now:
            until = self._db.do(outbox.open_window(user, token, opens), patience=PATIENCE)
            if until is None:
                raise Aborted
            claim = replace(claim, next_digest=until)
        zone = sorting.zone_for(jobs, wanted)
        return replace(terms, pace=sorting.pace_of(claim, zone, self._house.an_hour))

    def window(self, wanted: preferences.Preferences) -> int:
        """For how many ms an email to a user with these preferences collects."""
        chosen = wanted.digest_window
        return self._house.window if chosen is None else chosen * 1000


class _Delivery:
    """One email under way. ``window``: the ms before the user's next one, once this one's ledger
    is done with; None until then."""

    def __init__(self, mailer: Mailer, user: str, token: str, ledger: Ledger, terms: Terms) -> None:
        self.window: int | None = None
        self._mailer = mailer
        self._db = mailer._db
        self._user = user
        self._token = token
        self._ledger = ledger
        self._terms = terms
        self._wanted = terms.wanted
        self._address: str | None = None
        self._stopped: Suppression | None = None

    def go_on(self) -> None:
        """From where the ledger stands. Raises Aborted once another mailer holds the claim."""
        if self._ledger.state == "accepted":
            self.close("The mail server took it.")
        elif self._ledger.state == "data-sent":
            self.lost_answer()
        else:
            self.attempt()

    def attempt(self) -> None:
        """Marks the notices, then sends what no receipt has ended meanwhile."""
        self._write("reserved")
        jobs = self._start()
        if not jobs:
            self.window = 0
            return
        try:
            outcome = self._send(jobs)
        except ValueError as error:  # the address can't be written into a header, say
            outcome = Outcome("refused", f"The email couldn't be written: {error}")
        log.info("email.outcome", kind=outcome.kind, jobs=[job.id for job in jobs])
        self._conclude(outcome)

    def close(self, reason: str) -> None:
        """The server has it: closes the books."""
        told = self._each(lambda job: job.email_sent(reason))
        # a grave failure's email is none that the next digest has to keep its distance from
        digest = any(not job.grave for job in told)
        self.window = self._mailer.window(self._wanted) if digest else 0

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
        """At its address (jobs of one email have the same), and whether that is written to."""
        for job in self._each(lambda job: job)[:1]:
            self._address = job.spec.owner.email
            look = suppression.look(self._address or "")
            self._stopped = self._db.do(look, patience=PATIENCE)

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
        message = self._mailer._letters.compose(
            [orjson.loads(view_json(job)) for job in jobs],
            reader,
            message_id=self._ledger.message_id,
            date=datetime.now(UTC),
            reason=ASKED if reader.asked else UNSEEN,
        )
        return self._mailer._transport.send(message, lambda: self._leaves(jobs))

    def _leaves(self, jobs: Sequence[Job]) -> None:
        """From here on it may be out in the world, and come back (see ``ringback.bounce``)."""
        self._write("data-sent")
        ids, to = [job.id for job in jobs], self._address or ""
        note = sent.note(self._ledger.message_id, self._user, to, ids)
        self._db.do(note, patience=PATIENCE)

    def _reader(self, jobs: Sequence[Job]) -> Reader:
        owner, wanted = jobs[0].spec.owner, self._wanted
        types = {job.spec.type for job in jobs}
        about = Subscription(owner.id, types.pop() if len(types) == 1 else None)
        return Reader(
            id=owner.id, email=owner.email or "", name=owner.name,
            locale=wanted.locale or owner.locale, timezone=wanted.timezone or owner.timezone,
            asked=any(wanted.choice(job.spec.type) == "always" for job in jobs),
            stop=self._mailer._house.links.url(about),
        )  # fmt: skip

    def _conclude(self, outcome: Outcome) -> None:
        # asleep for a minute: whoever took the claim over concludes, not we
        self._write(_LEDGER_AFTER.get(outcome.kind, "reserved"))
        if outcome.kind == "accepted":
            self._db.do(suppression.accepted(self._address or ""), patience=PATIENCE)
            self.close(outcome.reason)
        elif outcome.kind == "refused":
            self._each(lambda job: job.email_failed(outcome.reason))
            self.window = 0
        elif outcome.kind == "delayed":
            self._each(lambda job: put_off(job, outcome.reason))
            if not self._ledger.ambiguous:  # else the ledger stays: the next one has to know
                self.window = 0
        else:
            # the ledger stays at data-sent: whoever holds the next claim knows
            told = f"{outcome.reason}. We'll try once more."
            self._each(lambda job: job.email_delayed(told, outbox.CLAIM))

    def _each(self, change: Callable[[Job], Job]) -> list[Job]:
        changed = []
        for job_id in self._ledger.jobs:
            with suppress(JobNotFound):
                changed.append(self._db.do(store.update(job_id, change), patience=PATIENCE))
        return changed

    def _write(self, state: str) -> None:
        self._ledger = replace(self._ledger, state=state)  # type: ignore[arg-type]  # one of its literals
        if not self._db.do(outbox.write(self._user, self._token, self._ledger), patience=PATIENCE):
            raise Aborted


def put_off(job: Job, reason: str) -> Job:
    """Another try later: exponential with jitter, for 24 hours after the job's end."""
    tries = job.notice.tries if job.notice else 0
    ceiling = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(tries, 16))
    delay = random.randint(ceiling // 2, ceiling)
    if tried(job) > GIVE_UP:
        return job.email_failed(f"{reason} We tried for 24 hours.")
    return job.email_delayed(reason, delay)


def tried(job: Job) -> int:
    """Milliseconds between the first delivery that was put off and the job's last change, by the
    store's clock."""
    if job.notice is None or job.notice.first_try is None:
        return 0
    return job.updated_at.ms - job.notice.first_try.ms


def _make(settings: Settings, db: Store, stack: ExitStack) -> Callable[[str], None]:
    if settings.smtp_url is None:
        raise SettingsError(
            "RINGBACK_SMTP_URL isn't set. Set it to your mail server: smtp://user:password@host:587"
        )
    sender = Sender(settings.email_from, settings.public_url, settings.support)
    domain = parseaddr(settings.email_from)[1].rpartition("@")[2]
    links = Links(settings.links, settings.public_url)
    window = round(settings.email_window * 1000)
    house = House(domain, window, links, settings.emails_an_hour)
    letters = Letters(Shelf(settings.templates), sender)
    stack.callback(letters.close)
    return Mailer(db, letters, Transport(settings.smtp_url), house).deliver


email_deliver = Actor(DELIVER, MAIL_QUEUE, _make)
