"""What is done about an email that came back, or whose reader complained.

Guarantee: news is heard about emails that we really sent, and about their recipient, and each kind
of news about an email counts once, in whatever order and however often it comes. If we die over
it, it is to be told again. Anybody can write to our bounce address, so nothing is done but for who
names the Message-ID of an email (``ringback.sent``).
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from ringback import alert, gone, sent, store, suppression
from ringback.dsn import Report, clean
from ringback.errors import JobNotFound, whole
from ringback.job import Job
from ringback.keys import Call, is_job_id, plain
from ringback.sent import Sent
from ringback.suppression import Source
from ringback.view import masked

HEARD = "rb:{suppressed}:heard"
QUOTED = 200  #: characters of a server's own words

Kind = Literal["bounce", "complaint", "delivered", "delayed"]
#: What the news means for the address: no such mailbox; may work another time; not its fault.
Verdict = Literal["gone", "soft", "refused"]
Result = Literal["suppressed", "noted", "cleared", "known", "foreign", "unknown"]

RESULTS: dict[Result, str] = {
    "suppressed": "nobody is written to there any more",
    "noted": "noted; the address is written to again",
    "cleared": "delivered, so soft bounces count no more",
    "known": "known already; nothing changed",
    "foreign": "ignored: that email went to somebody else",
    "unknown": "ignored: we sent no such email in the last 30 days",
}

_REFUSED = re.compile(r"5\.(1\.[^0]|2\.3|3\.4|6\.|7\.)")
#: In words for the user, by the status (RFC 3463, and 5.1.10 of RFC 7505); the first that fits.
_WORDS = (
    (re.compile(r"5\.1\.(2|10)$"), "there is no mail server for {domain}"),
    (re.compile(r"5\.1\.6$"), "the mailbox {address} has moved"),
    (re.compile(r"5\.1\.[13]$"), "there is no such mailbox as {address}"),
    (re.compile(r"5\.2\.1$"), "the mailbox {address} is switched off"),
    (re.compile(r"[45]\.2\.2$"), "the mailbox {address} is full"),
    (re.compile(r"5\.7\."), "the mail server of {domain} refuses our emails"),
    (re.compile(r"4\."), "the mail server of {domain} couldn't take it in time"),
    (re.compile(r""), "the mail server of {domain} refused it"),
)
STOPPED = "No more emails go there until it is mended; ask our support then."
OURS = "That is no fault of yours. Our operators have been told and can send it again."
MEND = "Mend what it names, then send them again; see docs/bounces.md."
SPAM = "You, or your mail program, reported one of our emails as spam."
ALERT = "email.came_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What somebody tells of an email: ``recipients`` are the names its one recipient is known by
    (none: hidden), ``status`` as in RFC 3463 or "", ``diagnostic`` the server's own words. It is
    found by ``message_id`` or, where a relay gave it another, by the ``job`` that it told of."""

    kind: Kind
    recipients: tuple[str, ...] = ()
    status: str = ""
    diagnostic: str = ""
    message_id: str = ""
    job: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was done about some news. ``address``: masked, of an email of ours; else as told."""

    news: News
    result: Result
    address: str
    jobs: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """In a line."""
        about = " ".join(filter(None, (self.news.kind, self.news.status, self.address)))
        return f"{about}: {RESULTS[self.result]}"


def news_of(report: Report) -> News | None:
    """What a report tells; None where it is of no account: passed on, to who knows where."""
    kinds: dict[str, Kind] = {
        "failed": "bounce", "delayed": "delayed", "delivered": "delivered",
        "complaint": "complaint",
    }  # fmt: skip
    kind = kinds.get(report.action)
    return kind and News(
        kind=kind, recipients=report.recipients, status=report.status,
        diagnostic=report.diagnostic, message_id=report.message_id, job=report.job,
    )  # fmt: skip


def verdict(status: str, diagnostic: str = "") -> Verdict:
    """What a bounce means for the address. What says nothing is soft: where the mailbox is gone,
    emails come back on other days, too."""
    if re.fullmatch(gone.STATUS, status) or (_vague(status) and _unknown(diagnostic)):
        return "gone"
    return "refused" if _REFUSED.match(status) else "soft"


def _vague(status: str) -> bool:
    return re.fullmatch(gone.VAGUE, status) is not None


def _unknown(diagnostic: str) -> bool:
    return re.search(gone.WORDS, diagnostic, re.IGNORECASE) is not None


def heed(news: News, source: Source) -> Generator[Call, Any, Heard]:
    """Acts on some news. ``source``: how it came, ``bounce`` or ``provider``."""
    email = yield from _email(news)
    heard = yield from _heeded(news, email, source)
    yield plain("HINCRBY", HEARD, heard.result, 1)
    return heard


def heard_so_far() -> Generator[Call, Any, dict[str, int]]:
    """How much news came to which result, ever."""
    found = yield plain("HGETALL", HEARD)
    return {result: int(found.get(result.encode(), 0)) for result in RESULTS}


def _heeded(news: News, email: Sent | None, source: Source) -> Generator[Call, Any, Heard]:
    told = whole(next(iter(news.recipients), ""), QUOTED)
    if email is None:
        return Heard(news, "unknown", told)
    if not _is_its(news, email.address):
        return Heard(news, "foreign", told)
    what = verdict(news.status, news.diagnostic) if news.kind == "bounce" else news.kind
    about = (masked(email.address), email.jobs)
    if what in email.news:
        return Heard(news, "known", *about)
    result = yield from _done(news, what, email, source)
    yield from sent.heard(email.message_id, what)
    return Heard(news, result, *about)


def _done(
    news: News, what: Verdict | Kind, email: Sent, source: Source
) -> Generator[Call, Any, Result]:
    """Does all of it again where somebody died over it."""
    if what == "delivered":
        yield from suppression.delivered(email.address)
        return "cleared"
    if what == "delayed":  # the server still tries
        return "noted"
    if what == "complaint":
        yield from suppression.suppress(email.address, SPAM, "complaint")
        return "suppressed"
    status = "5.1.1" if what == "gone" and _vague(news.status) else news.status
    why, answer = f"{_words(status, email.address)}.", whole(clean(news.diagnostic), QUOTED)
    reason, told = f"An email came back: {why}", f"It came back: {why}"
    stopped = None
    if what == "gone":
        stopped = yield from suppression.suppress(email.address, reason, source)
    elif what == "soft":
        stopped = yield from suppression.soft_bounce(email.address, reason, source)
    else:
        told = f"{told} {OURS}"
        yield from alert.sound(ALERT, f"Emails come back: {why} It said: “{answer}”. {MEND}")
    told = f"{told} {STOPPED}" if stopped else told
    yield from _tell(email, told, answer, dead=what == "refused")
    return "suppressed" if stopped else "noted"


def _tell(email: Sent, reason: str, answer: str, *, dead: bool) -> Generator[Call, Any, None]:
    def change(job: Job) -> Job:
        return job.email_bounced(email.message_id, reason, answer, dead=dead)

    for job_id in email.jobs:
        with suppress(JobNotFound):
            yield from store.update(job_id, change)


def _email(news: News) -> Generator[Call, Any, Sent | None]:
    found = yield from sent.find(news.message_id)
    if found is not None or not is_job_id(news.job):
        return found
    try:
        notice = (yield from store.load(news.job)).notice
    except JobNotFound:
        return None
    return None if notice is None else (yield from sent.find(notice.message_id or ""))


def _is_its(news: News, address: str) -> bool:
    """Whether the news is about the email's recipient. Complaints may hide who complains, or
    write it otherwise (RFC 6590): there the Message-ID speaks for itself."""
    if news.kind == "complaint":
        return True
    ours = _loose(address)
    return any(_loose(each) == ours for each in news.recipients)


def _loose(address: str) -> str:
    # mail servers are known to write ``Ada`` as ``ada``; the Message-ID fits anyway
    return suppression.normal(address).casefold()


def _words(status: str, address: str) -> str:
    words = next(words for pattern, words in _WORDS if pattern.match(status))
    return words.format(address=masked(address), domain=address.rpartition("@")[2])
