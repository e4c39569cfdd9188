"""Emails: 1,000 ended jobs of 1,000 users become 1,000 emails on a local mail server."""

from __future__ import annotations

import asyncio
import smtplib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import Envelope, Session

from bench import people
from bench.figures import Figure
from ringback import store
from ringback.connection import Op
from ringback.job import Job
from tests.rig import Process, Rig, until

EMAILS = 1000
WITHIN = 300.0  #: seconds


@dataclass
class Post:
    """A mail server that takes all, and remembers when."""

    times: list[float] = field(default_factory=list)
    recipients: set[str] = field(default_factory=set)
    last: bytes = b""

    async def handle_DATA(self, _: Server, __: Session, envelope: Envelope) -> str:
        """aiosmtpd calls it."""
        self.times.append(time.monotonic())
        self.recipients.update(envelope.rcpt_tos)
        self.last = envelope.original_content or b""
        await asyncio.sleep(0)
        return "250 2.0.0 OK"


def measure(rig: Rig) -> list[Figure]:
    """One mailer's way from due notices to the mail server, and beside it the same messages from
    the standard library over one connection: what the mail server takes at most."""
    rig.own["GRACE_ABSENT"] = "0"
    for user in people.names(EMAILS):
        rig.do(_ended(user))
    with _post(rig.smtp_port) as post:
        mailer = rig.mailer()
        before = _cpu(mailer)
        rig.supervisor()
        until(lambda: len(post.times) >= EMAILS, WITHIN, "all emails there")
        used = _cpu(mailer) - before
        took, doubled = post.times[-1] - post.times[0], len(post.times) - len(post.recipients)
        plain = _plainly(rig.smtp_port, post.last)
    return [
        Figure("emails: rate", (EMAILS - 1) / took, "/s", "more"),
        Figure("emails: CPU of the mailer per email", used / EMAILS * 1e3, "ms"),
        Figure("emails: sent twice", doubled, "", "none"),
        Figure("the same by smtplib, ready-made: rate", EMAILS / plain, "/s", "more"),
    ]


def _ended(user: str) -> Op[Job]:
    job = (yield from store.submit(people.spec_of(user))).job
    job = yield from store.update(job, Job.claimed)
    job = yield from store.update(job, lambda it: people.advance(it, 1204, ""), held=job.fence)
    return (yield from store.update(job, lambda it: it.ended(None), held=job.fence))


@contextmanager
def _post(port: int) -> Iterator[Post]:
    post = Post()
    server = Controller(post, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield post
    finally:
        server.stop()


def _plainly(port: int, message: bytes) -> float:
    with smtplib.SMTP("127.0.0.1", port) as server:
        begin = time.monotonic()
        for _ in range(EMAILS):
            server.sendmail("no-reply@example.com", ["user@example.com"], message)
        return time.monotonic() - begin


def _cpu(process: Process) -> float:
    times = psutil.Process(process.popen.pid).cpu_times()
    return times.user + times.system
