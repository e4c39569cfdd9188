"""``email.deliver``: turns a user's due notices into emails, as ``tasks.sorting`` says which.

Guarantee: every notice ends in a receipt, an accepted email or a recorded reason. No notice is
told twice, but where the server's answer to DATA got lost: then there is one more try with the
same Message-ID, and the job says so.

What the user prefers is asked here, when a notice is due: so the newest word counts.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from email.utils import parseaddr

import structlog

from letters.letter import Letters, Sender
from letters.shelf import Shelf
from ringback import outbox, preferences, store
from ringback.connection import Store
from ringback.doorbell import DELIVER, MAIL_QUEUE
from ringback.errors import JobNotFound, SettingsError
from ringback.handout import Handouts
from ringback.job import Job
from ringback.limits import Limit
from ringback.outbox import Claim, Rest
from ringback.settings import Settings
from ringback.unsubscribe import Links
from ringback.worker import Actor
from tasks import mail_alerts, sorting
from tasks.copy_alarm import CopyAlarm
from tasks.delivery import PATIENCE, Delivery, House, Means
from tasks.mail_gate import Gate
from tasks.seal import Seal
from tasks.smtp import Aborted, Transport
from tasks.smtp_answer import Outcome
from tasks.smtp_line import Server
from tasks.sorting import Terms

log = structlog.get_logger(__name__)


class Mailer:
    """Delivers for one process."""

    def __init__(self, db: Store, letters: Letters, transport: Transport, house: House) -> None:
        self._db = db
        self._house = house

        def alarm(outcome: Outcome) -> str:
            author = parseaddr(letters.sender.address)[1]
            return mail_alerts.told(outcome, transport.server, author)

        self._means = Means(db, letters, transport, house, Gate(db, PATIENCE, alarm))

    def deliver(self, user: str) -> None:
        """Writes to ``user`` if notices are due and nobody else is at it."""
        token = secrets.token_hex(8)
        an_hour = self._house.an_hour
        claim = self._db.do(outbox.claim(user, token, an_hour), patience=PATIENCE)
        if claim is None:
            return
        try:
            rest = self._write(user, token, claim)
        except Aborted:
            log.info("email.claim_lost", user=user)
            return
        if rest is not None:
            self._db.do(outbox.release(user, token, rest.window, rest.pause), patience=PATIENCE)

    def _write(self, user: str, token: str, claim: Claim) -> Rest | None:
        """What comes after; None where an email is under way still, and with it the claim: what
        else is due waits until that one has come to its end."""
        jobs = self._load(claim.ledger.jobs if claim.ledger else claim.due)
        terms = self._terms(user, token, claim, jobs)
        rest = Rest()
        ledgers = [claim.ledger] if claim.ledger else sorting.emails(jobs, self._house.domain)
        for ledger in ledgers:
            delivery = Delivery(self._means, user, token, ledger, terms)
            delivery.go_on()
            if delivery.rest is None:
                return None
            rest = rest.and_then(delivery.rest)
        return rest

    def _load(self, ids: Sequence[str]) -> list[Job]:
        jobs = []
        for job_id in ids:
            with suppress(JobNotFound):
                jobs.append(self._db.do(store.load(job_id), patience=PATIENCE))
        return jobs

    def _terms(self, user: str, token: str, claim: Claim, jobs: Sequence[Job]) -> Terms:
        wanted = self._db.do(preferences.load(user), patience=PATIENCE)
        terms = Terms(now=claim.now, wanted=wanted)
        opens = terms.window_end(jobs, self._means.window(wanted))
        if opens is not None and claim.ledger is None and claim.next_digest <= claim.now:
            until = self._db.do(outbox.open_window(user, token, opens), patience=PATIENCE)
            if until is None:
                raise Aborted
            claim = replace(claim, next_digest=until)
        zone = sorting.zone_for(jobs, wanted)
        return replace(terms, pace=sorting.pace_of(claim, zone, self._house.an_hour))


def _make(settings: Settings, db: Store, stack: ExitStack) -> Callable[[str], None]:
    if settings.smtp_url is None:
        raise SettingsError(
            "RINGBACK_SMTP_URL isn't set. Set it to your mail server: smtp://user:password@host:587"
        )
    sender = Sender(settings.email_from, settings.public_url, settings.support)
    domain = parseaddr(settings.email_from)[1].rpartition("@")[2]
    links = Links(settings.links, settings.public_url)
    window = round(settings.email_window * 1000)
    rate = settings.smtp_domain_rate
    house = House(
        domain, window, links, settings.emails_an_hour,
        to_a_domain=Limit("mail", rate) if rate else None, bounces=settings.bounce_address or "",
        handouts=Handouts(settings.links, settings.public_url), seal=Seal.of_settings(settings),
    )  # fmt: skip
    shelf, alarm = Shelf(settings.templates), CopyAlarm(db)
    alarm.look(shelf.troubles)
    letters = Letters(shelf, sender, alarm, live=settings.dev)
    stack.callback(letters.close)
    transport = Transport(Server.at(settings.smtp_url, settings.smtp_tls))
    stack.callback(transport.close)
    return Mailer(db, letters, transport, house).deliver


email_deliver = Actor(DELIVER, MAIL_QUEUE, _make)
