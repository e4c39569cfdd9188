"""The desk: which copy counts for a name, and what a draft has of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

import pytest

from letters import desk
from letters.shelf import MESSAGES, Shelf
from letters.unit import Unit, most_of

SHELF = Shelf()


def published(**units: Mapping[str, str]) -> dict[str, Unit]:
    """A layer; ``__`` in a name stands for a dot."""
    named = {name.replace("__", "."): files for name, files in units.items()}
    return {
        name: Unit(name, files, "published", PurePath(f"{name}@1"), 1)
        for name, files in named.items()
    }


def test_all_messages_are_named_in_their_order_with_those_for_types_behind_each() -> None:
    found = desk.names(SHELF, published(failed__my__type={}, succeeded__a={}))
    assert [name for name in found if "." not in name] == list(MESSAGES)
    assert found.index("failed.my.type") == found.index("failed") + 1
    assert found.index("succeeded.a") == found.index("succeeded") + 1


def test_copy_for_a_type_stands_on_what_is_published_for_all() -> None:
    layer = published(failed={"subject.txt": "Ours"})
    assert desk.below(SHELF, "failed.my.type", layer).files["subject.txt"] == "Ours"
    assert desk.below(SHELF, "failed", layer).files["subject.txt"] != "Ours"
    assert desk.in_force(SHELF, "failed.my.type", layer) is None
    unit = desk.in_force(SHELF, "failed", layer)
    assert unit
    assert (unit.files["subject.txt"], unit.revision, unit.origin) == ("Ours", 1, "published")


@pytest.mark.parametrize(
    ("changed", "own"),
    [
        ({}, []),
        ({"subject.txt": "Ours"}, ["subject.txt"]),
        # a body in another language goes with the body that it is a version of
        ({"body.de.md": "Unser"}, ["body.de.md", "body.md"]),
        ({"body.txt": "Plain"}, ["body.md", "body.txt"]),
        ({"fixtures/typical.json": "{}"}, ["fixtures/typical.json"]),
    ],
)
def test_what_is_the_same_below_is_left_out_whole_files_at_a_time(
    changed: Mapping[str, str], own: list[str]
) -> None:
    whole = {**SHELF.whole(SHELF.built_in["failed"]).files, **changed}
    kept = desk.own_of(SHELF, "failed", whole)
    assert sorted(kept) == own
    assert desk.drafted(SHELF, "failed", kept).files == whole, "and comes back as it was"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("failed", None),
        ("failed-input.csv.import", None),
        ("faild", "Did you mean “failed”?"),
        ("", "is no message"),
        ("digest.csv.import", "is one message for all types"),
        ("failed./etc", "can't be the name of a job type"),
        ("failed." + "x" * 200, "can't be the name of a job type"),
        ("failed.a\n", "can't be the name of a job type"),
    ],
)
def test_there_can_be_no_message_of_another_name(name: str, why: str | None) -> None:
    told = desk.no_name(name)
    assert told == why if why is None else why in str(told)


@pytest.mark.parametrize("file", ["body.md", "body.pt-BR.md", "fixtures/my-own_1.json"])
def test_files_of_a_message_are_taken(file: str) -> None:
    assert desk.no_file(file, "x" * most_of(file)) is None
    assert "at most" in str(desk.no_file(file, "x" * (most_of(file) + 1)))


@pytest.mark.parametrize(
    "file", ["", "x", "../body.md", "body.md/", "body.md\n", "fixtures/a/b.json", "fixtures/.json"]
)
def test_no_other_files_are_taken(file: str) -> None:
    assert "isn't a file of a message" in str(desk.no_file(file, ""))
