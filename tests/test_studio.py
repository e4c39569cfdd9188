"""The studio's API: what authors see, try and publish; what comes of copy that is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ringback import audit, editions
from ringback.connection import Store
from tests.eye import claimed, ended
from tests.node import Node, running
from tests.rig import Valkey

ROOT = "/api/v1/studio"
BODY = "# Nothing was done\n\n{{ job.account }}.\n\n{{ job.button }}\n"
LOOPS = "{% for a in job.headline %}" * 9 + "{% endfor %}" * 9


pytestmark = pytest.mark.usefixtures("db")  # it is emptied


@pytest.fixture
async def node(shared_valkey: Valkey, tmp_path: Path) -> AsyncIterator[Node]:
    """A node on the tests' store, in production."""
    async with running(shared_valkey.url, tmp_path) as node:
        yield node


class Author:
    """Somebody at the studio."""

    def __init__(self, node: Node, name: str = "amy", *more: str) -> None:
        self.node = node
        self.token = node.token(name, "user", "author", *more)

    async def get(self, path: str) -> Any:
        status, answer = await self.node.ask("GET", f"{ROOT}/{path}", self.token)
        assert status == 200, answer
        return answer

    async def ask(
        self, path: str, body: Any, method: str = "POST", **headers: str
    ) -> tuple[int, Any]:
        return await self.node.ask(method, f"{ROOT}/{path}", self.token, body, **headers)

    async def publish(
        self, name: str, base: int | None = None, note: str = "clearer", **files: str
    ) -> tuple[int, Any]:
        named = {file.replace("_", "."): text for file, text in files.items()}
        body = {"files": named, "note": note, "base": base}
        return await self.ask(f"messages/{name}/publish", body)

    async def render(self, **wanted: Any) -> Any:
        status, answer = await self.ask("render", wanted)
        assert status == 200, answer
        return answer


@pytest.fixture
def amy(node: Node) -> Author:
    return Author(node)


# -- what there is


async def test_all_messages_are_listed_with_whose_copy_counts(amy: Author) -> None:
    found = await amy.get("messages")
    rows = {row["name"]: row for row in found["messages"]}
    assert {"failed", "failed-input", "partial.csv.import", "digest", "test"} <= set(rows)
    row = rows["partial.csv.import"]
    assert (row["about"], row["type"], row["origin"], row["revision"]) == (
        "partial", "csv.import", "built-in", None,
    )  # fmt: skip
    assert row["purpose"]
    assert row["errors"] == 0
    assert "en" in found["locales"]
    assert (found["can_save"], found["can_publish"]) == (False, True)


async def test_a_message_is_shown_with_all_that_its_author_needs(amy: Author) -> None:
    found = await amy.get("messages/failed")
    assert (found["origin"], found["revision"], found["newest"]) == ("built-in", None, 0)
    assert found["files"]["body.md"] == found["built_in"]["body.md"]
    assert found["own"] == found["revisions"] == []
    assert {"typical", "long", "zero", "hostile"} <= set(found["fixtures"])
    known = {it["name"]: it for it in found["variables"]}
    assert known["job.headline"]["meaning"].startswith("How the job ended")


async def test_a_message_for_a_type_begins_with_what_it_would_inherit(amy: Author) -> None:
    found = await amy.get("messages/succeeded.my.type")
    assert (found["origin"], found["type"], found["built_in"]) == ("inherited", "my.type", None)
    general = await amy.get("messages/succeeded")
    assert found["files"] == general["files"] == found["below"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("faild", "“faild” is no message. Did you mean “failed”?"),
        ("digest.csv.import", "“digest” is one message for all types of jobs."),
        ("failed.", "“” can't be the name of a job type."),
        ("failed.a%2Fb", "“a/b” can't be the name of a job type."),
        ("failed.%2E%2E", "“..” can't be the name of a job type."),
        ("_layout", "“_layout” is no message."),
    ],
)
async def test_what_can_be_no_message_is_not_found(node: Node, name: str, told: str) -> None:
    token = node.token("amy", "author")
    status, answer = await node.ask("GET", f"{ROOT}/messages/{name}", token)
    assert status == 404
    assert answer["detail"].startswith(told)


# -- trying copy


async def test_a_draft_is_written_with_a_fixture(amy: Author) -> None:
    files = {"body.md": BODY, "subject.txt": "Sorry: {{ job.subject }}"}
    proof = await amy.render(name="failed", files=files)
    assert proof["subject"].startswith("Sorry: ")
    assert "Nothing was done" in proof["html"]
    assert "Nothing was done" in proof["text"]
    assert proof["size"] == len(proof["html"].encode())
    assert "Subject: Sorry: " in proof["source"]
    assert "X-Ringback-Message: failed" in proof["source"]
    assert proof["language"] == "en"
    assert [it for it in proof["findings"] if it["level"] == "error"] == []


async def test_a_draft_is_written_in_the_readers_language_and_zone_if_it_has_that(
    amy: Author,
) -> None:
    german = await amy.render(name="failed", locale="de-AT", timezone="Europe/Vienna")
    assert german["language"] == "de"
    assert 'lang="de"' in german["html"]
    # what the author wrote is in English only, and no letter speaks two languages
    files = {"subject.txt": "Ours: {{ job.subject }}"}
    assert (await amy.render(name="failed", files=files, locale="de"))["language"] == "en"
    for field, value in (("locale", "klingon"), ("timezone", "Mars/Olympus")):
        status, told = await amy.ask("render", {"name": "failed", field: value})
        assert (status, told["errors"][0]["field"]) == (400, field)


async def test_without_files_the_copy_that_counts_is_written(amy: Author) -> None:
    before = await amy.render(name="failed", fixture="long", locale="en")
    status, _ = await amy.publish("failed", subject_txt="Ours: {{ job.subject }}")
    assert status == 201
    after = await amy.render(name="failed", fixture="long", locale="en")
    assert after["subject"] == f"Ours: {before['subject']}"


async def test_copy_that_can_not_be_written_is_told_beside_its_line(amy: Author) -> None:
    proof = await amy.render(name="failed", files={"body.md": "# Failed\n\n{{ job.headlin }}\n"})
    assert proof["html"] is proof["subject"] is proof["source"] is None
    found = [it for it in proof["findings"] if it["level"] == "error"]
    assert {(it["file"], it["line"]) for it in found} == {("body.md", 3)}
    assert any("Did you mean “job.headline”?" in it["text"] for it in found)


async def test_a_draft_that_loops_ends_in_a_finding(amy: Author) -> None:
    proof = await amy.render(name="failed", files={"body.md": LOOPS})
    assert proof["html"] is None
    (found,) = proof["findings"]
    assert (found["file"], found["text"]) == (
        "body.md", "this takes longer than 5 s; look for a loop in a loop",
    )  # fmt: skip
    assert (await amy.render(name="failed"))["html"], "others are served after it"


async def test_a_fixture_that_is_wrong_is_a_finding_too(amy: Author) -> None:
    for text in (
        "{",
        "[]",
        '{"views": 5, "reader": {"id": "a", "email": "b"}}',
        '{"views": [{}]}',
        '{"views": [], "reader": {"id": 1, "email": 2, "locale": 3}}',
        "[" * 60_000,
    ):
        files = {"fixtures/typical.json": text}
        proof = await amy.render(name="failed", files=files)
        assert proof["html"] is None, text
        assert [it for it in proof["findings"] if it["level"] == "error"], text


async def test_a_fixture_that_is_not_there_is_told_with_those_that_are(amy: Author) -> None:
    status, told = await amy.ask("render", {"name": "failed", "fixture": "../typical"})
    assert (status, told["errors"][0]["field"]) == (400, "fixture")
    assert "typical, long, zero" in told["detail"]


@pytest.mark.parametrize(
    ("files", "status", "field", "told"),
    [
        ({"../body.md": ""}, 422, "files.../body.md", "isn't a file of a message"),
        ({"/etc/passwd": ""}, 422, "files./etc/passwd", "isn't a file of a message"),
        ({"fixtures/../x.json": ""}, 422, "files.fixtures/../x.json", "isn't a file of a message"),
        ({"body.md": "x" * 65_537}, 413, "files.body.md", "at most 65,536 may be"),
        ({f"fixtures/f{i}.json": "x" * 260_000 for i in range(3)}, 413, "files", "together"),
    ],
)  # fmt: skip
async def test_files_that_no_message_has_are_refused_by_name(
    amy: Author, files: dict[str, str], status: int, field: str, told: str
) -> None:
    for path, body in (
        ("render", {"name": "failed", "files": files}),
        ("messages/failed/publish", {"files": files}),
    ):
        got, answer = await amy.ask(path, body)
        assert (got, answer["errors"][0]["field"]) == (status, field), answer
        assert told in answer["detail"]


async def test_a_body_without_end_is_refused(amy: Author) -> None:
    body = {"files": {"subject.txt": "x" * 70_000}, "revision": 0}
    status, told = await amy.ask("messages/failed/rollback", body)
    assert (status, told["detail"]) == (413, "A JSON body may have up to 65,536 bytes.")


async def test_the_own_ended_jobs_are_there_to_try_copy_with(amy: Author, db: Store) -> None:
    done, runs = ended(db, "amy"), claimed(db, "amy")
    ended(db, "ann")
    found = (await amy.get("jobs"))["jobs"]
    assert [(it["id"], it["state"]) for it in found] == [(done.id, "succeeded")]
    proof = await amy.render(name="succeeded", job=done.id, locale="en-GB")
    assert done.id in proof["text"]
    assert "amy@example.com" in proof["source"]
    assert "/unsubscribe/preview" in proof["source"], "nobody's own link"
    status, told = await amy.ask("render", {"name": "succeeded", "job": runs.id})
    assert (status, told["errors"][0]["message"]) == (
        400, "is running; letters tell of ended jobs only",
    )  # fmt: skip


async def test_other_peoples_jobs_need_a_role_and_each_look_is_noted(
    node: Node, amy: Author, db: Store
) -> None:
    job = ended(db, "ann")
    wanted = {"name": "succeeded", "job": job.id}
    unknown = job.id[:-4] + "0000"
    status, foreign = await amy.ask("render", wanted)
    assert status == 404
    _, nothing = await amy.ask("render", {**wanted, "job": unknown})
    assert str(nothing).replace(unknown, job.id) == str(foreign)
    assert db.do(audit.entries(9)) == []
    for role in ("support", "operator"):
        assert (await Author(node, f"a-{role}", role).render(**wanted))["html"]
    told = [(it.who, it.what, it.user, it.jobs) for it in db.do(audit.entries(9))]
    assert told == [
        ("a-operator", "look: letter", "ann", (job.id,)),
        ("a-support", "look: letter", "ann", (job.id,)),
    ]


# -- publishing


async def test_published_copy_counts_from_then_on_and_has_a_history(amy: Author) -> None:
    status, made = await amy.publish("failed", body_md=BODY)
    assert (status, made["revision"], made["who"], made["note"]) == (201, 1, "amy", "clearer")
    assert made["called"] == "amy@example.com"
    shown = await amy.get("messages/failed")
    assert (shown["origin"], shown["revision"], shown["newest"]) == ("published", 1, 1)
    assert (shown["files"]["body.md"], shown["own"]) == (BODY, ["body.md"])
    assert shown["revisions"] == [made]
    rows = {row["name"]: row for row in (await amy.get("messages"))["messages"]}
    row = rows["failed"]
    assert (row["published_by"], row["published_at"]) == ("amy@example.com", made["at"])
    whole = await amy.get("messages/failed/revisions/1")
    assert whole == {**made, "name": "failed", "files": {"body.md": BODY}}


async def test_what_is_the_same_below_is_not_published(amy: Author) -> None:
    files = (await amy.get("messages/failed"))["files"]
    body = {"files": {**files, "subject.txt": "Ours: {{ job.subject }}"}, "base": None}
    status, _ = await amy.ask("messages/failed/publish", body)
    assert status == 201
    assert (await amy.get("messages/failed/revisions/1"))["files"] == {
        "subject.txt": "Ours: {{ job.subject }}"
    }
    status, told = await amy.ask("messages/failed/publish", {"files": files, "base": 1})
    assert (status, told["errors"][0]["field"]) == (400, "files")


async def test_copy_for_one_type_is_published_with_the_jobs_of_the_general_one(amy: Author) -> None:
    status, _ = await amy.publish("cancelled.my.type", subject_txt="Over: {{ job.subject }}")
    assert status == 201


async def test_who_publishes_over_newer_copy_is_told_who_was_first(node: Node, amy: Author) -> None:
    _, first = await Author(node, "ben").publish("failed", body_md=BODY, note="mine")
    for base in (None, 0, 7):
        status, told = await amy.publish("failed", base, body_md=BODY + "\nMore.\n")
        assert (status, told["newest"]) == (409, first)
        assert told["type"].endswith(":stale-copy")
        assert "ben@example.com published revision 1" in told["detail"]
    status, made = await amy.publish("failed", 1, body_md=BODY + "\nMore.\n")
    assert (status, made["revision"]) == (201, 2)


async def test_copy_with_errors_is_not_published_but_told(amy: Author, db: Store) -> None:
    status, told = await amy.publish("failed", body_md="# Failed\n\n{{ job.headlin }}\n")
    assert (status, told["type"]) == (422, "urn:ringback:problem:wrong-copy")
    assert told["errors"][0]["field"] == "files.body.md"
    assert told["errors"][0]["message"].startswith("line 3: ")
    errors = [it for it in told["findings"] if it["level"] == "error"]
    assert {(it["file"], it["line"]) for it in errors} == {("body.md", 3)}
    status, told = await amy.publish("failed", body_md=LOOPS)
    assert status == 422
    assert db.do(editions.newest("failed")) == 0


async def test_the_same_key_is_the_same_publication(amy: Author) -> None:
    body = {"files": {"body.md": BODY}, "base": None}
    key = {"Idempotency-Key": '"monday"'}
    first = await amy.ask("messages/failed/publish", body, **key)
    assert first[0] == 201
    assert await amy.ask("messages/failed/publish", body, **key) == first


async def test_going_back_and_withdrawing_are_revisions_too(amy: Author, db: Store) -> None:
    for base, text in enumerate((BODY, BODY + "\nMore.\n")):
        assert (await amy.publish("failed", base, body_md=text))[0] == 201
    path = "messages/failed/rollback"
    status, told = await amy.ask(path, {"revision": 1, "base": 1})
    assert (status, told["newest"]["revision"]) == (409, 2)
    status, told = await amy.ask(path, {"revision": 9, "base": 2})
    assert (status, told["detail"]) == (404, "There is no revision 9 of “failed”.")
    status, back = await amy.ask(path, {"revision": 1, "base": 2, "note": "too long"})
    assert (status, back["revision"], back["restored"]) == (201, 3, 1)
    assert (await amy.get("messages/failed"))["files"]["body.md"] == BODY
    status, gone = await amy.ask(path, {"revision": 0, "base": 3, "note": "wrong"})
    assert (status, gone["revision"], gone["withdrawn"]) == (201, 4, True)
    shown = await amy.get("messages/failed")
    assert (shown["origin"], shown["revision"], shown["newest"]) == ("built-in", None, 4)
    # nothing is in force, so that no base is a base
    assert (await amy.publish("failed", None, body_md=BODY))[0] == 201
    whats = [it.what for it in reversed(db.do(audit.entries(99)))]
    assert whats[-3:] == [
        "roll back copy “failed” to 1", "withdraw copy “failed”", "publish copy “failed”",
    ]  # fmt: skip


async def test_too_many_drafts_are_put_off(
    shared_valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.limits.DRAFTS", 4)
    async with running(shared_valkey.url, tmp_path) as node:
        amy = Author(node)
        asked = [
            await amy.ask("messages/failed/rollback", {"revision": 9, "base": 0}) for _ in range(3)
        ]
    assert [status for status, _ in asked] == [404, 404, 429]
    assert asked[2][1]["detail"].startswith("That's more than 4 drafts a minute")


# -- the folder


async def test_nothing_is_saved_to_a_folder_in_production(
    amy: Author, shared_valkey: Valkey, tmp_path: Path
) -> None:
    status, told = await amy.ask("messages/failed/files", {"files": {"body.md": BODY}}, "PUT")
    assert (status, "RINGBACK_TEMPLATES" in told["detail"]) == (403, True)
    own = tmp_path / "own"
    own.mkdir()
    async with running(shared_valkey.url, tmp_path, templates=own) as node:
        status, _ = await Author(node).ask(
            "messages/failed/files", {"files": {"body.md": BODY}}, "PUT"
        )
    assert (status, list(own.iterdir())) == (403, [])


async def test_in_development_files_are_saved_and_count_at_once(
    shared_valkey: Valkey, tmp_path: Path
) -> None:
    own, path = tmp_path / "own", "messages/failed.csv.import/files"
    own.mkdir()
    async with running(shared_valkey.url, tmp_path, templates=own, dev=True) as node:
        amy = Author(node)
        assert (await amy.get("messages"))["can_save"]
        files = {"body.md": BODY, "fixtures/mine.json": "{}", "body.txt": None}
        status, told = await amy.ask(path, {"files": files}, "PUT")
        assert (status, told) == (
            200, {"written": ["body.md", "fixtures/mine.json"], "removed": []},
        )  # fmt: skip
        assert (own / "failed.csv.import" / "body.md").read_text() == BODY
        shown = await amy.get("messages/failed.csv.import")
        assert (shown["origin"], "mine" in shown["fixtures"]) == ("folder", True)
        status, told = await amy.ask(path, {"files": {"fixtures/mine.json": None}}, "PUT")
        assert told == {"written": [], "removed": ["fixtures/mine.json"]}
        # somebody edits it by hand
        (own / "failed.csv.import" / "subject.txt").write_text("By hand")
        assert (await amy.get("messages/failed.csv.import"))["files"]["subject.txt"] == "By hand"
        assert sorted(p.name for p in own.rglob("*")) == [
            "body.md", "failed.csv.import", "fixtures", "subject.txt",
        ]  # fmt: skip


async def test_saving_never_leaves_the_folder(shared_valkey: Valkey, tmp_path: Path) -> None:
    own, elsewhere = tmp_path / "own", tmp_path / "elsewhere"
    own.mkdir()
    elsewhere.mkdir()
    (own / "failed").symlink_to(elsewhere)
    (own / "partial").mkdir()
    (own / "partial" / "fixtures").symlink_to(elsewhere)
    async with running(shared_valkey.url, tmp_path, templates=own, dev=True) as node:
        amy = Author(node)
        for name, file in (("failed", "body.md"), ("partial", "fixtures/typical.json")):
            status, told = await amy.ask(f"messages/{name}/files", {"files": {file: BODY}}, "PUT")
            assert (status, "without links" in told["detail"]) == (403, True)
        status, _ = await amy.ask("messages/failed/files", {"files": {"../x.md": ""}}, "PUT")
        assert status == 422
    assert list(elsewhere.iterdir()) == []
