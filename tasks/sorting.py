"""Which of a user's due notices go out now, in which email, and what the others wait for.

The first notice of a user opens a window, which is counted from the moment at which it was made
(the job's end). At the window's end all that is due goes out as one email, so a notice waits for
its grace or the window, whichever is longer, and no stream of new ones puts it off. What isn't due
by then goes into the next window, which begins with that email. A grave failure goes out alone,
and waits for its grace only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from ringback import preferences
from ringback.job import Job
from ringback.outbox import Claim, Ledger
from ringback.preferences import Hold, Preferences, Skip
from ringback.quiet import zone_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which one claim's emails go out. ``pace``: what holds them all, but for grave failures."""

    now: int
    wanted: Preferences
    pace: Hold | None = None

    def obstacle(self, job: Job) -> Skip | Hold | None:
        """What keeps an email about the job from being sent."""
        seen = job.notice is not None and job.notice.seen
        return preferences.obstacle(
            self.wanted, job.spec, self.now, seen=seen, grave=job.grave, pace=self.pace
        )

    def window_end(self, jobs: Sequence[Job], window: int) -> int | None:
        """When the window ends that these due notices open (ms since 1970); None where none does:
        no email is wanted about them, they are grave, or it has passed."""
        made = [
            job.finished_at.ms
            for job in jobs
            if job.finished_at and not job.grave and not isinstance(self.obstacle(job), Skip)
        ]
        end = min(made, default=0) + window
        return end if made and end > self.now else None


def emails(jobs: Sequence[Job], domain: str) -> list[Ledger]:
    """What is to be written: first each grave failure alone, then an email for each address, so
    that a wrong one keeps no other from getting its own."""
    grave = [ledger_of([job.id], domain) for job in jobs if job.grave]
    by_address: dict[str | None, list[str]] = {}
    for job in jobs:
        if not job.grave:
            by_address.setdefault(job.spec.owner.email, []).append(job.id)
    return [*grave, *(ledger_of(those, domain) for those in by_address.values())]


def ledger_of(jobs: Sequence[str], domain: str) -> Ledger:
    """A new email about jobs: the same Message-ID for the same jobs."""
    digest = hashlib.sha256(" ".join(sorted(jobs)).encode()).hexdigest()[:32]
    return Ledger(message_id=f"<{digest}@{domain}>", jobs=tuple(jobs))


def pace_of(claim: Claim, zone: tzinfo, an_hour: int) -> Hold | None:
    """What holds all emails to a user but those about grave failures."""
    return preferences.latest(_window(claim, zone), _cap(claim, zone, an_hour))


def _window(claim: Claim, zone: tzinfo) -> Hold | None:
    until = claim.next_digest
    if until <= claim.now:
        return None
    at = moment(until, claim.now, zone)
    return Hold(f"Your next email goes out {at}, with all jobs that ended until then.", until)


def _cap(claim: Claim, zone: tzinfo, an_hour: int) -> Hold | None:
    until = claim.capped
    if until <= claim.now:
        return None
    got = "1 email" if an_hour == 1 else f"{an_hour:,} emails"
    told = f"You got {got} within an hour, and no more are sent in one. "
    at = moment(until, claim.now, zone)
    return Hold(f"{told}Your next email goes out {at}, with all jobs that ended until then.", until)


def moment(ms: int, now: int, zone: tzinfo) -> str:
    """ "at 14:00", or "at 14:00 on 3 March" where that isn't today, on the clock of the zone."""
    at, today = (datetime.fromtimestamp(each / 1000, zone) for each in (ms, now))
    day = "" if at.date() == today.date() else f" on {at.day} {at:%B}"
    return f"at {at:%H:%M}{day}"


def zone_for(jobs: Sequence[Job], wanted: Preferences) -> tzinfo:
    """The reader's time zone."""
    of_token = jobs[0].spec.owner.timezone if jobs else "UTC"
    return zone_of(wanted.timezone or of_token)
