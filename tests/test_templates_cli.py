"""``ringback templates``: what authors and their checks run, with real parts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from email import policy
from email.parser import BytesParser
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from letters.shelf import MESSAGES
from ringback import editions, store, suppression
from tests.rig import Rig, free_port, new_spec, until

Ran = CompletedProcess[str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A store and an inbox."""
    rig = Rig(tmp_path_factory.mktemp("house"))
    rig.inbox()
    yield rig
    rig.close()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """An installation's own folder."""
    folder = tmp_path / "copy"
    folder.mkdir()
    return folder


def run(rig: Rig, *args: str, **env: str) -> Ran:
    """A command that fails is told without a traceback."""
    ran = rig.cli("templates", *args, **env)
    assert "Traceback" not in ran.stdout + ran.stderr
    return ran


def done(rig: Rig, *args: str, **env: str) -> str:
    ran = run(rig, *args, **env)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def refused(rig: Rig, *args: str, **env: str) -> str:
    ran = run(rig, *args, **env)
    assert ran.returncode == 2, ran.stdout
    return " ".join(ran.stderr.split())


def ended(rig: Rig, user: str) -> str:
    """A job of theirs that has ended; its id."""
    job = rig.do(store.submit(new_spec(user, "Import of orders.csv"))).job
    rig.do(store.update(job.id, lambda job: job.cancel_requested()))
    return job.id


def write(own: Path, name: str, **files: str) -> None:
    (own / name).mkdir(exist_ok=True)
    for file, text in files.items():
        (own / name / file.replace("_", ".")).write_text(text)


# -- list


def test_the_list_has_every_message_and_whose_copy_counts(house: Rig, own: Path) -> None:
    write(own, "failed", body_md="# {{ job.headline }}\n\nSorry, oops.\n\n{{ job.button }}\n")
    rows = {
        row["name"]: row for row in json.loads(done(house, "list", "--json", TEMPLATES=str(own)))
    }
    assert set(MESSAGES) <= set(rows)
    assert (rows["failed"]["origin"], rows["failed"]["errors"]) == ("folder", 1)
    assert (rows["partial"]["origin"], rows["partial"]["errors"]) == ("built-in", 0)
    shown = done(house, "list", TEMPLATES=str(own))
    assert "1 error, " in shown
    assert "nothing found" in shown


def test_published_copy_is_in_the_list_with_its_revision(house: Rig) -> None:
    files = {"subject.txt": "It is over: {{ job.subject }}\n"}
    house.do(editions.publish("cancelled", files, "ann", "shorter", 0, "op-list"))
    rows = {row["name"]: row for row in json.loads(done(house, "list", "--json"))}
    assert (rows["cancelled"]["origin"], rows["cancelled"]["revision"]) == ("published", 1)
    assert "It is over: " in done(house, "render", "cancelled", "--part", "subject")


# -- new


def test_own_copy_begins_with_what_is_built_in_and_is_without_fault(house: Rig, own: Path) -> None:
    said = done(house, "new", "failed-input", "--type", "invoice.send", TEMPLATES=str(own))
    folder = own / "failed-input.invoice.send"
    assert "templates lint failed-input.invoice.send" in said
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"message.toml", "subject.txt", "preheader.txt", "body.md"} < there
    assert {"fixtures/typical.json", "fixtures/hostile.json"} < there
    typical = json.loads((folder / "fixtures" / "typical.json").read_text())
    assert typical["views"][0]["type"] == "invoice.send"
    assert done(house, "lint", folder.name, TEMPLATES=str(own)) == ""


def test_nothing_is_written_over(house: Rig, own: Path) -> None:
    write(own, "failed", body_md="mine")
    assert "is there already" in refused(house, "new", "failed", TEMPLATES=str(own))
    assert (own / "failed" / "body.md").read_text() == "mine"


def test_a_folder_of_ones_own_is_made(house: Rig, tmp_path: Path) -> None:
    done(house, "new", "partial", TEMPLATES=str(tmp_path / "fresh"))
    assert (tmp_path / "fresh" / "partial" / "body.md").is_file()


def test_new_copy_needs_a_folder_and_a_message_that_exists(house: Rig, own: Path) -> None:
    assert "RINGBACK_TEMPLATES isn't set" in refused(house, "new", "failed")
    assert "Did you mean “failed”?" in refused(house, "new", "faild", TEMPLATES=str(own))
    told = refused(house, "new", "digest", "--type", "a.b", TEMPLATES=str(own))
    assert "one message for all types" in told


# -- lint


def test_the_built_in_copy_has_no_findings(house: Rig) -> None:
    ran = run(house, "lint", "--strict")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "Nothing found.\n")


def test_an_error_has_file_line_and_an_exit_status_for_ci(house: Rig, own: Path) -> None:
    write(own, "failed", body_md="# {{ job.headlin }}\n\n{{ job.button }}\n")
    ran = run(house, "lint", "failed", TEMPLATES=str(own))
    line = f"{own}/failed/body.md:1: error: there is no “job.headlin”. Did you mean “job.headline”?"
    assert f"{line} [unknown]\n" in ran.stdout
    assert ran.returncode == 1
    rows: list[dict[str, Any]] = json.loads(
        run(house, "lint", "--json", "failed", TEMPLATES=str(own)).stdout
    )
    assert [(row["file"], row["rule"]) for row in rows if row["level"] == "error"] == [
        (f"{own}/failed/body.md", "render"), (f"{own}/failed/body.md", "unknown"),
    ]  # fmt: skip


def test_a_warning_fails_where_that_is_asked_for(house: Rig, own: Path) -> None:
    write(own, "succeeded", subject_txt="Done! {{ job.subject }}\n")
    ran = run(house, "lint", "succeeded", TEMPLATES=str(own))
    assert (ran.returncode, ran.stderr) == (0, "2 warnings.\n")
    assert run(house, "lint", "--strict", "succeeded", TEMPLATES=str(own)).returncode == 1


def test_a_folder_that_is_no_message_is_an_error(house: Rig, own: Path) -> None:
    write(own, "suceeded", body_md="Hello\n")
    ran = run(house, "lint", TEMPLATES=str(own))
    assert f"{own}/suceeded:1: error: “suceeded” is no message. Did you mean “succeeded”?" in (
        ran.stdout
    )
    assert ran.returncode == 1


def test_a_bomb_is_a_finding(house: Rig, own: Path) -> None:
    write(own, "failed", body_md="{% set a = job.title %}\n" + "{% set a = a ~ a %}\n" * 60)
    ran = run(house, "lint", "failed", TEMPLATES=str(own))
    assert "this takes too much memory; look for what doubles" in ran.stdout
    assert ran.returncode == 1


def test_a_message_that_does_not_exist_is_refused(house: Rig) -> None:
    assert "Did you mean “failed-input”?" in refused(house, "lint", "failed-inputs")
    assert "there is no such folder" in refused(house, "lint", TEMPLATES="/nowhere")


# -- render


def test_a_letter_is_written_about_made_up_jobs(house: Rig) -> None:
    assert "Import of customers.csv: 1,204 added" in done(house, "render", "partial")
    page = done(house, "render", "partial", "--part", "html", "--fixture", "rtl")
    assert page.startswith("<!DOCTYPE html>") or page.startswith("<!doctype html>")
    subject = done(house, "render", "failed", "--part", "subject", "--locale", "en-IN")
    assert subject == "Import of customers.csv failed: 3 rows were rejected\n"
    raw = done(house, "render", "failed", "--part", "eml")
    letter = BytesParser(policy=policy.default).parsebytes(raw.encode())
    assert letter["Auto-Submitted"] == "auto-generated"


def test_all_parts_are_written_to_a_folder(house: Rig, tmp_path: Path) -> None:
    done(house, "render", "digest", "--out", str(tmp_path / "out"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "subject.txt", "preheader.txt", "text.txt", "letter.html", "letter.eml",
    }  # fmt: skip


def test_a_letter_is_written_about_a_real_job(house: Rig) -> None:
    job = ended(house, "ann")
    text = done(house, "render", "cancelled", "--job", job)
    assert "Import of orders.csv cancelled" in text
    assert f"Job id: {job}" in text


def test_wrong_arguments_are_told_with_their_fix(house: Rig) -> None:
    assert "Did you mean “typical”?" in refused(house, "render", "failed", "--fixture", "typcal")
    assert "no job's id" in refused(house, "render", "failed", "--job", "1")
    both = refused(house, "render", "failed", "--fixture", "long", "--job", "x")
    assert "Leave one out" in both
    assert "like de or en-GB" in refused(house, "render", "failed", "--locale", "klingon")
    running = house.do(store.submit(new_spec("ann"))).job.id
    assert "it is queued" in refused(house, "render", "failed", "--job", running)
    told = refused(house, "render", "failed", "--out", "/dev/null/x")
    assert "--out /dev/null/x: can't be written to" in told


def test_copy_that_fails_names_its_line(house: Rig, own: Path) -> None:
    write(own, "failed", body_md="Hello\n{{ job.nothing }}\n")
    told = refused(house, "render", "failed", TEMPLATES=str(own))
    assert told == f"{own}/failed/body.md:2: there is no “nothing” here"


# -- preview


def test_the_studio_opens_in_the_browser(house: Rig, tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    house.gateway()
    os.environ["BROWSER"] = str(browser)
    try:
        assert done(house, "preview") == f"{house.url}/studio\n"
    finally:
        del os.environ["BROWSER"]
    until(lambda: opened.is_file() and opened.read_text(), what="the browser has opened")
    assert opened.read_text() == f"{house.url}/studio\n"


def test_without_a_gateway_the_preview_says_how_to_start_one(house: Rig) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert f"Nobody answers at {url}" in refused(house, "preview", PUBLIC_URL=url)


# -- send


def test_a_test_goes_to_the_inbox_of_a_developer(house: Rig) -> None:
    said = done(house, "send", "partial", "--to", "kit@example.net")
    assert "Sent to kit@example.net: [Test] Import of customers.csv: 1,204 added" in said
    [letter] = house.emails("kit@example.net")
    assert str(letter["Subject"]).startswith("[Test] Import of customers.csv")
    assert letter["X-Ringback-Test"]
    assert letter["List-Unsubscribe"] is None
    body = letter.get_body(("plain",))
    assert body is not None
    assert "1,204 rows were added" in " ".join(body.get_content().split())


def test_a_test_tells_of_a_real_job_in_another_locale(house: Rig) -> None:
    job = ended(house, "bea")
    done(house, "send", "cancelled", "--to", "bea@example.net", "--job", job, "--locale", "en-IN")
    [letter] = house.emails("bea@example.net")
    assert "Import of orders.csv" in str(letter["Subject"])
    assert letter["X-Ringback-Job"] == job


def test_where_emails_leave_a_test_goes_only_to_those_who_are_listed(house: Rig) -> None:
    out = {"DEV": "0", "TEST_RECIPIENTS": "kim@example.net, @tests.example.org"}
    told = refused(house, "send", "failed", "--to", "eve@example.net", **out)
    assert "Add it, or its @domain, to RINGBACK_TEST_RECIPIENTS" in told
    assert "kim@example.net, @tests.example.org" in told
    assert "nobody yet" in refused(house, "send", "failed", "--to", "a@b.example", DEV="0")
    for address in ("KIM@example.net", "anybody@tests.example.org"):
        assert "Sent to" in done(house, "send", "test", "--to", address, **out)
    assert "tests may not go" in refused(
        house, "send", "test", "--to", "a@x.tests.example.org", **out
    )
    assert not house.emails("eve@example.net")


def test_a_suppressed_address_gets_no_test_either(house: Rig) -> None:
    house.do(suppression.suppress("gone@example.net", "moved away", "operator", "ops"))
    assert "--to gone@example.net: " in refused(house, "send", "test", "--to", "gone@example.net")


def test_a_test_that_cannot_be_sent_says_why(house: Rig) -> None:
    away = {"SMTP_URL": f"smtp://127.0.0.1:{free_port()}"}
    told = refused(house, "send", "test", "--to", "kit@example.net", **away)
    assert told.startswith("The test wasn't sent. ")
    assert "--to 'nobody': must be an email address" in refused(
        house, "send", "test", "--to", "nobody"
    )


@pytest.mark.parametrize("wrong", ["ann", "ann@example.com; bea@example.com", "@"])
def test_a_wrong_list_of_recipients_is_refused_at_start(house: Rig, wrong: str) -> None:
    told = refused(house, "send", "test", "--to", "a@example.com", TEST_RECIPIENTS=wrong)
    assert told.startswith("RINGBACK_TEST_RECIPIENTS=")
    assert "must be addresses or @domains" in told
