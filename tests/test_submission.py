"""From a request to a job: what is wrong is said so that it can be mended, and titles are safe."""

from __future__ import annotations

import traceback
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from ringback import catalog, feeds, files, submission
from ringback.connection import Store
from ringback.declare import job
from ringback.errors import (
    FieldError,
    IdempotencyMismatch,
    InputError,
    InvalidParams,
    UnknownJobType,
)
from ringback.files import File
from ringback.job import Job, Owner
from ringback.params import TOLD
from ringback.run import Run
from ringback.submission import Defaults, Request, title_of

ANN = Owner(id="ann", email="ann@example.com")


@job("test.copy", title="Copying {file.name} to {to}", idempotent=True, grace_absent=2.5)
def copy(
    run: Run,
    *,
    file: File,
    to: str,
    times: Annotated[int, Field(ge=1, le=9)] = 1,
    mode: Literal["fast", "safe"] = "safe",
    note: str | None = None,
    rows: list[int] | None = None,
) -> None:
    """Copies."""


class Desk:
    """Where jobs are handed in."""

    def __init__(self, db: Store, data_dir: Path) -> None:
        self.db = db
        self.defaults = Defaults(grace_absent=5_000, grace_present=30_000, data_dir=data_dir)
        db.do(catalog.declare([copy.kind]))
        self.file = self.upload("ann", "customers.csv")

    def upload(self, owner: str, name: str) -> str:
        file_id = files.new_file_id(owner)
        where = files.place(self.defaults.data_dir, file_id)
        file = File(id=file_id, name=name, size=3, content_type="text/csv", path=where)
        self.db.do(files.record(owner, file))
        return file_id

    def submit(self, key: str | None = None, owner: Owner = ANN, **params: Any) -> Job:
        wanted = {"file": self.file, "to": "archive", **params}
        return self.request(Request(
            type="test.copy", owner=owner, params=wanted, idempotency_key=key))  # fmt: skip

    def request(self, request: Request) -> Job:
        return self.db.do(submission.submit(request, self.defaults)).job

    def refused(self, request: Request) -> dict[str, FieldError]:
        before = self.db.client.dbsize()
        with pytest.raises(InvalidParams) as caught:
            self.request(request)
        assert self.db.client.dbsize() == before, "nothing was written"
        errors = {error.field: error for error in caught.value.errors}
        assert len(errors) == len(caught.value.errors), "one entry per field"
        return errors


@pytest.fixture
def desk(db: Store, tmp_path: Path) -> Desk:
    return Desk(db, tmp_path)


def wanting(**params: Any) -> Request:
    return Request(type="test.copy", owner=ANN, params=params)


def test_a_job_has_its_params_its_title_and_the_policy_of_its_type(desk: Desk) -> None:
    spec = desk.submit(times=3).spec
    assert spec.params == {"file": desk.file, "to": "archive", "times": 3}
    assert spec.title == "Copying customers.csv to archive"
    assert (spec.policy.grace_absent, spec.policy.grace_present) == (2_500, 30_000)
    assert spec.owner == ANN


def test_an_unknown_type_is_refused_with_the_known_ones(desk: Desk) -> None:
    with pytest.raises(UnknownJobType, match=r"no job type 'test\.cpoy'.*: test\.copy\."):
        desk.request(Request(type="test.cpoy", owner=ANN))


def test_every_wrong_param_is_named_with_its_value_and_what_is_wanted(desk: Desk) -> None:
    errors = desk.refused(
        wanting(file=desk.file, to=7, times=10, mode="quick", note=5, rows=[1, "two"], speed=9)
    )
    assert {field: error.value for field, error in errors.items()} == {
        "params.to": 7,
        "params.times": 10,
        "params.mode": "quick",
        "params.note": 5,
        "params.rows.1": "two",
        "params.speed": 9,
    }
    wanted = {
        "params.to": "must be text",
        "params.times": "must be at most 9",
        "params.mode": "one of fast, safe",
        "params.note": "must be text",
        "params.rows.1": "a whole number",
        "params.speed": "known: file, mode",
    }
    for field, words in wanted.items():
        assert words in errors[field].message


@job("test.note")
def note(
    run: Run,
    *,
    name: Annotated[str, Field(pattern=r"^[a-z$]+$", description="small letters")] = "a",
    rows: list[Annotated[str, Field(min_length=1, max_length=2_000)]] | None = None,
    few: Annotated[list[int], Field(min_length=1, max_length=5_000)] = [1],  # noqa: B006
) -> None:
    """Notes."""


@pytest.mark.parametrize(
    ("params", "field", "message"),
    [
        ({"name": "t\n"}, "name", "must be small letters"),
        ({"few": [1] * 5_001}, "few", "must have at most 5,000 entries"),
        ({"few": []}, "few", "must have at least 1 entry"),
        ({"rows": ["a", "b" * 2_001]}, "rows.1", "must have at most 2,000 characters"),
        ({"rows": ["a", ""]}, "rows.1", "must have at least 1 character"),
        ({"rows": "a"}, "rows", "must be a list"),
    ],
)
def test_what_is_wrong_is_told_in_few_words(
    params: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(InvalidParams) as caught:
        submission.check(note.kind, params)
    assert [(e.field, e.message) for e in caught.value.errors] == [(f"params.{field}", message)]


def test_of_thousands_of_wrong_entries_some_are_told() -> None:
    with pytest.raises(InvalidParams) as caught:
        submission.check(note.kind, {"rows": [1] * 5_000})
    assert len(caught.value.errors) == TOLD


@pytest.mark.parametrize("name", ["a", "z$"])
def test_the_end_in_a_pattern_is_the_very_end(name: str) -> None:
    submission.check(note.kind, {"name": name})


def test_a_param_that_a_worker_cannot_take_ends_the_job_without_its_value_in_words() -> None:
    value = "SEC" + "RET"  # the trace quotes this line
    with pytest.raises(InputError) as caught:
        note.typed({"name": value})
    assert (caught.value.code, caught.value.field) == ("invalid_params", "name")
    told = "".join(traceback.format_exception(caught.value))
    assert "SECRET" not in told


def test_all_missing_and_all_unknown_params_are_named(desk: Desk) -> None:
    errors = desk.refused(wanting(speed=1, colour="red"))
    assert set(errors) == {"params.file", "params.to", "params.speed", "params.colour"}
    assert errors["params.to"].message == "is missing; it is required"


@pytest.mark.parametrize("file_id", ["", "nonsense", "00-none", "}{:*"])
def test_a_file_that_is_not_there_is_refused_with_what_to_do(desk: Desk, file_id: str) -> None:
    error = desk.refused(wanting(file=file_id, to="x"))["params.file"]
    assert error.value == file_id
    assert "upload it first" in error.message


def test_a_file_of_somebody_else_is_as_unknown_as_none(desk: Desk) -> None:
    theirs = desk.refused(wanting(file=desk.upload("bob", "b.csv"), to="x"))["params.file"]
    nobodys = desk.refused(wanting(file=files.new_file_id("bob"), to="x"))["params.file"]
    assert theirs.message == nobodys.message


def test_files_lie_where_no_other_account_looks(tmp_path: Path) -> None:
    where = files.place(tmp_path, files.new_file_id("ann"))
    files.make_room(where)
    modes = [folder.stat().st_mode & 0o777 for folder in (where.parent, where.parent.parent)]
    assert modes == [0o700, 0o700]


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_an_idempotency_key_has_a_length_that_is_told(desk: Desk, key: str) -> None:
    request = Request(type="test.copy", owner=ANN, params={}, idempotency_key=key)
    error = desk.refused(request)["idempotency_key"]
    assert error.message == "must have 1 to 255 characters; a UUID is a good choice"


@pytest.mark.parametrize(
    "email", ["no at", "a@b.c\r\nBcc: x@y", f"{'a' * 300}@example.com", "Ann <a@b.example>", ""]
)
def test_an_owner_can_be_written_to(desk: Desk, email: str) -> None:
    request = replace(wanting(file=desk.file, to="x"), owner=Owner(id="ann", email=email))
    error = desk.refused(request)["owner.email"]
    assert error.value == email
    assert error.message.startswith("must be an email address such as ann@example.com: ")


def test_an_owner_needs_no_address(desk: Desk) -> None:
    assert desk.submit(owner=Owner(id="ann")).spec.owner.email is None


def test_a_request_sent_twice_makes_one_job(desk: Desk) -> None:
    first = desk.submit("key-1", times=2)
    assert desk.submit("key-1", times=2) == first
    assert len(desk.db.do(feeds.read("ann")).views) == 1


def test_the_same_params_in_another_order_are_the_same_work(desk: Desk) -> None:
    fields = {"file": desk.file, "to": "x", "times": 2}
    one, other = (
        Request(type="test.copy", owner=ANN, params=dict(order), idempotency_key="key-1")
        for order in (fields.items(), reversed(fields.items()))
    )
    assert desk.request(one) == desk.request(other)


def test_a_key_means_one_piece_of_work_of_one_user(desk: Desk) -> None:
    first = desk.submit("key-1", times=2)
    with pytest.raises(IdempotencyMismatch, match=f"'key-1' was already used for job {first.id}"):
        desk.submit("key-1", times=3)
    bob = Owner(id="bob")
    theirs = desk.submit("key-1", owner=bob, times=3, file=desk.upload("bob", "b.csv"))
    assert theirs.id != first.id


def test_without_a_key_every_request_is_new_work(desk: Desk) -> None:
    assert desk.submit().id != desk.submit().id


# -- titles

FILE = File(id="1", name="a.csv", size=3, content_type="text/csv", path=Path("/secret/a.csv"))


@pytest.mark.parametrize(
    ("template", "title"),
    [
        ("Import of {file.name} ({file.size})", "Import of a.csv (3)"),
        ("Import of {file}", "Import of a.csv"),
        ("{file.path}", "a.csv"),
        ("{file.__class__.__init__.__globals__}", "a.csv"),
        ("{table.__class__.__mro__}", "customers"),
        ("{table[0]}{rows[0]}", ""),
        ("{0}{1.real}", ""),
        ("{missing}", ""),
        ("{table!r:>12}", "'customers'"),
    ],
)
def test_a_title_reaches_params_and_nothing_behind_them(template: str, title: str) -> None:
    named = {"file": FILE, "table": "customers", "rows": [1]}
    assert title_of(template, named) == title


def test_words_of_the_user_are_no_template() -> None:
    named = {"table": "{file.name} {0.__class__} {", "file": FILE}
    assert title_of("Into {table}", named) == "Into {file.name} {0.__class__} {"


@given(st.text(max_size=400))
def test_a_title_is_one_line_of_printable_text_of_bounded_length(table: str) -> None:
    title = title_of("Into {table}", {"table": table})
    assert title.isprintable()
    assert "\n" not in title
    assert len(title) <= 200
    assert title.startswith("Into")


@pytest.mark.parametrize("value", [None, 5, 1.5, [1], {"a": 1}, "x"])
def test_a_title_can_be_made_of_whatever_a_param_is(value: Any) -> None:
    plain = "" if value is None else " ".join(str(value).split())
    assert title_of("{value:,}{missing:,}", {"value": value}) == plain
    assert title_of("{value:%Y}", {"value": "x"}) == "x"
