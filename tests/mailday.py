"""A user's day with one mailer, on a clock that only tests move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from letters.letter import Letters, Sender
from letters.shelf import Shelf
from ringback import choose, store
from ringback.job import Counts, Job, Notice, Result
from ringback.keys import due_key, partition_of
from ringback.preferences import Preferences
from ringback.testing import FakeStore
from ringback.unsubscribe import Links
from tasks.deliver import Mailer
from tasks.delivery import House
from tasks.envelope import Envelope
from tasks.smtp_answer import Outcome
from tests.eye import BROKE, ask
from tests.rig import new_spec

HOME = "http://127.0.0.1:8000"
LETTERS = Letters(Shelf(), Sender("Ringback <no-reply@example.com>", HOME))
LINKS = Links("s" * 32, HOME)
GRACE, WINDOW = 5, 10  #: seconds, the defaults
Ending = Callable[[Job], Job]


def well(job: Job) -> Job:
    """All went well."""
    return job.ended(Result("Done"))


def badly(job: Job) -> Job:
    """It failed."""
    return job.failed(BROKE)


def partly(job: Job) -> Job:
    """One item of two failed."""
    return job.advanced(counts=Counts(1, 1)).ended(Result("Partly"))


@dataclass
class Post:
    """A mail server that says what it is told to, and keeps what it took."""

    clock: Callable[[], int]
    answers: list[Outcome] = field(default_factory=list)
    taken: list[tuple[int, list[str]]] = field(default_factory=list)  #: seconds, jobs
    said: str = ""  #: the text of the last one

    def send(self, envelope: Envelope, before_data: Callable[[], None]) -> Outcome:
        """Takes a message, or what else comes next."""
        before_data()
        message = BytesParser(EmailMessage, policy=policy.default).parsebytes(envelope.content)
        answer = self.answers.pop(0) if self.answers else Outcome("accepted", "250 OK")
        if answer.kind == "accepted":
            self.taken.append((self.clock(), sorted(str(message["X-Ringback-Job"]).split(", "))))
            body = message.get_body(("plain",))
            self.said = body.get_content() if body else ""
        return answer


class Day:
    """One user, a supervisor and a mailer, on a clock that only tests move."""

    def __init__(self, window: int = WINDOW, an_hour: int = 60) -> None:
        self.db = FakeStore()
        self.began = self.db.clock.ms
        self.post = Post(self.seconds)
        house = House("example.com", window * 1000, LINKS, an_hour)
        transport: Any = self.post
        self.mailer = Mailer(self.db, LETTERS, transport, house)

    def seconds(self) -> int:
        return round((self.db.clock.ms - self.began) / 1000)

    def ends(self, how: Ending = well, *, grace: int = GRACE, **policy: Any) -> str:
        spec = new_spec("ann", grace_absent=grace * 1000, grace_present=30_000, **policy)
        job = self.db.do(store.submit(spec)).job
        for change in (Job.claimed, how):
            job = self.db.do(store.update(job, change))
        return job.id

    def fails_gravely(self, how: Ending = badly, **policy: Any) -> str:
        return self.ends(how, severity="high", **policy)

    def wants(self, **wishes: Any) -> None:
        self.db.do(choose.change("ann", lambda _: Preferences(**wishes)))

    def passes(self, seconds: int) -> None:
        """Second by second, with a supervisor that looks each time."""
        for _ in range(seconds):
            self.look()
            self.db.clock.advance(1)
        self.look()

    def sleeps(self, seconds: int) -> None:
        """The same in one go, where nothing is due in between."""
        self.db.clock.advance(seconds)
        self.look()

    def look(self) -> None:
        partition = partition_of("ann")
        while "ann" in self.db.do(store.overdue(partition)).mail:
            self.mailer.deliver("ann")
            now = self.db.clock.ms
            due = ask(self.db, "ZSCORE", due_key(partition, "notice"), "ann")
            assert due is None or due > now, "a mailer leaves nothing that rings again at once"

    def notice(self, job_id: str) -> Notice:
        notice = self.db.do(store.load(job_id)).notice
        assert notice is not None
        return notice

    def at(self, seconds: int) -> str:
        return datetime.fromtimestamp(self.began / 1000 + seconds, UTC).strftime("%H:%M")
