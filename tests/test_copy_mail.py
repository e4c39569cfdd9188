"""Which copy emails are written with: what authors published, when, and what comes of copy that
can't be written; by a mailer on a real store, over a real mail server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from letters.letter import Letters, Sender
from letters.shelf import Shelf
from ringback import alert, editions, store
from ringback.connection import Store
from ringback.job import Job
from ringback.keys import key, partition_of
from ringback.unsubscribe import Links
from tasks.copy_alarm import CopyAlarm
from tasks.deliver import Mailer
from tasks.delivery import House
from tests.eye import BROKE, DONE, ask, now
from tests.mishaps import PostOffice
from tests.rig import Rig, new_spec, until

HOME = "http://127.0.0.1:8000"
SENDER = Sender("Ringback <no-reply@example.com>", HOME)
HOUSE = House("example.com", 0, Links("s" * 32, HOME))
OUTBOX = key(partition_of("ann"), "outbox", "ann")
LOOPS = "{% for a in job.headline %}" * 9 + "{% endfor %}" * 9
Ending = Callable[[Job], Job]


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """The server that mail goes to."""
    opened = PostOffice()
    yield opened
    opened.close()


class Desk:
    """An author, and a mailer in this process."""

    def __init__(
        self, db: Store, office: PostOffice, own: Path | None = None, *, live: bool = False
    ) -> None:
        self.db = db
        self.office = office
        self.letters = Letters(Shelf(own), SENDER, CopyAlarm(db), live=live)
        self.mailer = Mailer(db, self.letters, office.transport, HOUSE)

    def publish(self, subject: str, base: int = 0, name: str = "succeeded", body: str = "") -> None:
        files = {"subject.txt": subject} | ({"body.md": body} if body else {})
        op = f"{name} {base}"
        self.db.do(editions.publish(name, files, "amy", "", base, op, called="Amy Bell"))

    def ends(self, how: Ending = lambda job: job.ended(DONE)) -> Job:
        """A job of ann's, whose notice is due; what is published after it is newer than it."""
        job = self.db.do(store.submit(new_spec("ann"))).job
        for change in (Job.claimed, how):
            job = self.db.do(store.update(job, change))
        assert job.finished_at
        ended = job.finished_at.ms
        until(lambda: now(self.db) > ended, what="the clock has gone on")
        ask(self.db, "ZADD", OUTBOX, "XX", 1, job.id)
        return job

    def deliver(self) -> EmailMessage:
        """What goes out."""
        before = len(self.office.letters)
        self.mailer.deliver("ann")
        (letter,) = self.office.letters[before:]
        assert isinstance(letter, EmailMessage)
        return letter

    def told(self) -> list[str]:
        return [it.text for it in self.db.do(alert.open_ones())]


@pytest.fixture
def desk(db: Store, office: PostOffice) -> Iterator[Desk]:
    made = Desk(db, office)
    yield made
    made.letters.close()


def text_of(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    assert body
    return str(body.get_content())


# -- which revision


def test_emails_are_written_with_the_copy_that_is_published(desk: Desk) -> None:
    desk.publish("Ours: {{ job.subject }}")
    job = desk.ends()
    letter = desk.deliver()
    assert str(letter["Subject"]).startswith("Ours: Import")
    assert letter["X-Ringback-Message"] == "succeeded@1"
    assert job.id in text_of(letter), "the rest is as it was"


def test_a_notice_keeps_the_copy_that_it_came_due_with(desk: Desk) -> None:
    desk.ends()
    desk.publish("Ours: {{ job.subject }}")
    assert desk.deliver()["X-Ringback-Message"] == "succeeded"
    desk.ends()
    desk.publish("Newer: {{ job.subject }}", base=1)
    letter = desk.deliver()
    assert letter["X-Ringback-Message"] == "succeeded@1"
    assert str(letter["Subject"]).startswith("Ours: ")
    desk.ends()
    assert str(desk.deliver()["Subject"]).startswith("Newer: ")


def test_an_email_about_several_jobs_has_the_copy_of_the_first_ones_end(desk: Desk) -> None:
    desk.publish("First of {{ count }}", name="digest")
    desk.ends()
    desk.publish("Second of {{ count }}", base=1, name="digest")
    desk.ends()
    letter = desk.deliver()
    assert (letter["Subject"], letter["X-Ringback-Message"]) == ("First of 2", "digest@1")


def test_what_was_rolled_back_is_used_no_more(desk: Desk) -> None:
    desk.publish("First: {{ job.subject }}")
    desk.publish("Second: {{ job.subject }}", base=1)
    desk.db.do(editions.roll_back("succeeded", 1, "ben", "too long", 2, "op"))
    desk.ends()
    letter = desk.deliver()
    assert (str(letter["Subject"])[:7], letter["X-Ringback-Message"]) == ("First: ", "succeeded@3")
    desk.db.do(editions.roll_back("succeeded", 0, "ben", "wrong", 3, "op 2"))
    desk.ends()
    assert desk.deliver()["X-Ringback-Message"] == "succeeded"


def test_copy_for_a_type_of_jobs_comes_before_that_for_all(desk: Desk) -> None:
    desk.publish("All: {{ job.subject }}")
    desk.publish("CSV: {{ job.subject }}", name="succeeded.csv.import")
    desk.ends()
    assert desk.deliver()["X-Ringback-Message"] == "succeeded.csv.import@1"


def test_published_copy_lies_over_the_folder(db: Store, office: PostOffice, tmp_path: Path) -> None:
    (tmp_path / "succeeded").mkdir()
    (tmp_path / "succeeded" / "subject.txt").write_text("Folder: {{ job.subject }}")
    desk = Desk(db, office, tmp_path)
    desk.ends()
    assert str(desk.deliver()["Subject"]).startswith("Folder: ")
    desk.publish("Ours: {{ job.subject }}")
    desk.ends()
    assert str(desk.deliver()["Subject"]).startswith("Ours: ")
    desk.letters.close()


# -- copy that can't be written


def test_copy_that_fails_costs_nobody_the_news_and_operators_are_told(desk: Desk) -> None:
    desk.publish("Ours", body="# Done\n\n{{ 1 // job.failed }}\n")
    job = desk.ends()
    letter = desk.deliver()
    assert letter.get_content_type() == "text/plain"
    assert job.id in text_of(letter)
    assert desk.told() == [
        "The copy of “succeeded” (revision 1, published by Amy Bell) failed at body.md:3: "
        "this divides by zero; test the number before; plain letters go out instead. Roll it back "
        "on /studio."
    ]
    desk.db.do(editions.roll_back("succeeded", 0, "amy", "it fails", 1, "op"))
    assert desk.told() == []


def test_copy_that_was_replaced_raises_no_alarm_any_more(desk: Desk) -> None:
    desk.publish("Ours", body="{{ 1 // job.failed }}\n")
    desk.ends()
    desk.publish("Mended", base=1)
    assert desk.deliver().get_content_type() == "text/plain"
    assert desk.told() == []


def test_the_alarm_ends_once_the_copy_is_written_again(
    db: Store, office: PostOffice, tmp_path: Path
) -> None:
    (tmp_path / "failed").mkdir()
    body = tmp_path / "failed" / "body.md"
    body.write_text("Nothing.\n{{ job.nothing }}\n")
    desk = Desk(db, office, tmp_path)
    desk.ends(lambda job: job.failed(BROKE))
    assert desk.deliver().get_content_type() == "text/plain"
    (told,) = desk.told()
    assert told.startswith("The copy of “failed” in the folder of templates failed at body.md:2: ")
    desk.letters.close()
    body.write_text("It failed. {{ job.button }}\n")
    mended = Desk(db, office, tmp_path)  # as the mailer starts again
    mended.ends(lambda job: job.failed(BROKE))
    assert mended.deliver()["X-Ringback-Message"] == "failed"
    assert mended.told() == []
    mended.letters.close()


def test_copy_that_loops_is_cut_short_in_a_mailer_of_its_own_process(own_rig: Rig) -> None:
    own = own_rig.directory / "own"
    for name, body in (("failed-external", LOOPS), ("succeeded", "{{ job.nothing }}")):
        (own / name).mkdir(parents=True)
        (own / name / "body.md").write_text(body)
    own_rig.own["TEMPLATES"] = str(own)
    files = {"body.md": LOOPS}
    own_rig.do(editions.publish("succeeded.csv.import", files, "amy", "", 0, "op"))
    own_rig.inbox()
    own_rig.mailer()
    own_rig.supervisor()
    endings: dict[str, Ending] = {
        "ann": lambda job: job.ended(DONE), "bob": lambda job: job.failed(BROKE),
    }  # fmt: skip
    for user, how in endings.items():
        job = own_rig.do(store.submit(new_spec(user))).job
        for change in (Job.claimed, how):
            job = own_rig.do(store.update(job, change))
        until(lambda: own_rig.emails(f"{user}@example.com"), within=60, what="the email")  # noqa: B023
        (letter,) = own_rig.emails(f"{user}@example.com")
        assert letter.get_content_type() == "text/plain"
        assert job.id in text_of(letter)
    told = {it.key: it.text for it in own_rig.do(alert.open_ones())}
    assert (
        "(revision 1, published by amy) failed at body.md:1: this takes longer than"
        in (told["copy succeeded.csv.import"])
    )
    assert (
        "in the folder of templates failed at body.md:1: this takes longer than"
        in (told["copy failed-external"])
    )


def test_in_development_a_saved_file_counts_for_the_next_email(
    db: Store, office: PostOffice, tmp_path: Path
) -> None:
    desk = Desk(db, office, tmp_path, live=True)
    desk.ends()
    assert desk.deliver()["X-Ringback-Message"] == "succeeded"
    (tmp_path / "succeeded").mkdir()
    subject = tmp_path / "succeeded" / "subject.txt"
    for text in ("Saved: {{ job.subject }}", "Again: {{ job.subject }}!"):
        subject.write_text(text)
        desk.ends()
        assert str(desk.deliver()["Subject"]).startswith(text[:7])
    (tmp_path / "_layout").mkdir()
    (tmp_path / "_layout" / "words.toml").write_text("this is no TOML")
    desk.ends()
    assert str(desk.deliver()["Subject"]).startswith("Again: "), "as it was"
    desk.letters.close()


def test_copy_that_can_not_even_be_read_is_told_as_a_mailer_starts(
    db: Store, tmp_path: Path
) -> None:
    (tmp_path / "faild").mkdir()
    (tmp_path / "failed").mkdir()
    subject = tmp_path / "failed" / "subject.txt"
    subject.write_bytes(b"Fine\n\xff\n")
    CopyAlarm(db).look(Shelf(tmp_path).troubles)
    (told,) = [it.text for it in db.do(alert.open_ones())]
    assert "“faild” is no message. Did you mean “failed”? and 1 more. Emails go out" in told
    (tmp_path / "faild").rmdir()
    CopyAlarm(db).look(Shelf(tmp_path).troubles)
    (told,) = [it.text for it in db.do(alert.open_ones())]
    assert "failed/subject.txt:2: this file isn't UTF-8; save it as UTF-8. Emails go out" in told
    subject.write_text("Fine")
    CopyAlarm(db).look(Shelf(tmp_path).troubles)
    assert db.do(alert.open_ones()) == []
