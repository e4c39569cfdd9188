"""The guide for authors: its copy is without fault, its tables and commands are true."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path, PurePath

import pytest
from typer.main import get_command

from letters.cli import commands
from letters.fixture import sample_of
from letters.lint import lint
from letters.people import Sender
from letters.prose import plain
from letters.sandbox import _SOURCE, parse
from letters.shelf import MESSAGES, Shelf
from letters.unit import Unit
from letters.writer import Draft, Writer
from tests.rig import ROOT
from tests.test_docs import block

PAGE = "docs/authors.md"
RINGBACK = Sender("Ringback <no-reply@example.com>", "https://jobs.example.com", "help@example.com")


def guide() -> str:
    return (ROOT / PAGE).read_text()


@pytest.fixture
def example(tmp_path: Path) -> tuple[Unit, Writer]:
    """The message of the guide, in a folder, with its words."""
    folder = tmp_path / "succeeded.invoice.send"
    folder.mkdir()
    for name, file in (("body", "body.md"), ("subject", "subject.txt"),
                       ("preheader", "preheader.txt")):  # fmt: skip
        (folder / file).write_text(block(name, PAGE))
    (tmp_path / "_layout").mkdir()
    (tmp_path / "_layout" / "words.toml").write_text(block("words", PAGE))
    shelf = Shelf(tmp_path)
    return shelf.whole(shelf.own["succeeded.invoice.send"]), Writer(shelf, RINGBACK)


def about_invoices(unit: Unit) -> Draft:
    draft = sample_of(unit)
    view = {**draft.views[0], "type": "invoice.send", "title": "Invoices of March"}
    return Draft(unit, [view], draft.reader)


def test_the_copy_of_the_guide_is_without_fault(example: tuple[Unit, Writer]) -> None:
    assert [it for it in lint(*example) if it.rule != "language"] == []


def test_the_copy_of_the_guide_says_what_it_says(example: tuple[Unit, Writer]) -> None:
    unit, writer = example
    parts = writer.parts(about_invoices(unit))
    assert parts.subject == "Invoices of March: 1,204 sent, 1 skipped"
    assert "Your invoices are on their way: 1,204 invoices were sent" in parts.text
    assert parts.preheader.startswith("You don't need to do anything.")


def test_the_message_toml_of_the_guide_can_be_read() -> None:
    unit = Unit("succeeded", {"message.toml": block("message", PAGE)}, "folder", PurePath("own"))
    assert unit.message.badge == "Sent"


def test_the_choice_of_the_guide_chooses(example: tuple[Unit, Writer]) -> None:
    unit, writer = example
    mine = Unit("succeeded", {**unit.files, "body.md": block("choice", PAGE)}, "folder", unit.home)
    assert "No row failed." in writer.parts(about_invoices(mine)).text


def test_the_tables_of_words_are_those_of_the_vocabulary() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "author_tables.py"))
    assert guide() == tool["written"](guide()), "run: make words"


def test_every_filter_and_message_is_in_the_guide_and_no_other() -> None:
    section = guide().partition("changes how a word is written")[2].partition("## All")[0]
    told = set(re.findall(r"`(\w+)`", re.sub(r"\| [^|]*\{\{.*", "|", section)))
    assert told == set(_SOURCE.filters)
    first = guide().partition("## What a message is")[2].partition("##")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \|", first, re.MULTILINE)) == set(MESSAGES)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (source.replace("\\|", "|"), shown)
        for source, shown in re.findall(r"`(\{\{[^`]*\}\})` → ([^|]+) \|", guide())
    ],
)
def test_the_examples_of_the_filters_are_true(source: str, shown: str) -> None:
    parse(source, PurePath("authors.md"))
    writer = Writer(Shelf(), RINGBACK)
    base = writer.shelf.built_in["partial"]
    unit = Unit("partial", {**base.files, "body.md": f"{source}\n"}, "folder", base.home)
    sample = json.loads(unit.files["fixtures/typical.json"])
    view = sample["views"][0] | {"can": {"cancel": False, "retry": ["all", "failed"]}}
    view["counts"] = {"succeeded": 9, "failed": 1204, "skipped": 0}
    draft = Draft(unit, [view], sample_of(unit).reader)
    assert plain(writer.parts(draft).text).splitlines()[0] == shown.strip()


def test_the_commands_of_the_guide_exist() -> None:
    there = set(get_command(commands(lambda *_: "")).commands)  # type: ignore[attr-defined]  # a group
    named = set(re.findall(r"ringback templates ([a-z]+)", guide()))
    assert named <= there
    assert {"list", "new", "lint", "render", "send"} <= named
