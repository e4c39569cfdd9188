"""The page behind a signed link: what people, scanners and meddlers get."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from yarl import URL

from gateway.handouts import size_of
from ringback import files, store
from ringback.connection import Store
from ringback.files import File
from ringback.handout import Handout, Handouts
from ringback.job import Job, Link, Result
from tests.eye import ask, stored_view
from tests.rig import Valkey, new_spec
from tests.wire import Node, gateway

HANDOUTS = Handouts("s" * 32, "http://127.0.0.1")
CONTENT = b"id,name\n17,\n"


@pytest.fixture
async def node(db: Store, shared_valkey: Valkey, tmp_path: Path) -> AsyncIterator[Node]:
    """A node on the tests' store."""
    assert db.do(store.overdue("00")).leases == ()
    async with gateway(shared_valkey.url, tmp_path, link_secret="s" * 32) as there:
        yield there


@pytest.fixture
def job(db: Store, tmp_path: Path) -> Job:
    """A job of ann's that made a file."""
    file_id = files.new_file_id("ann")
    path = files.place(tmp_path, file_id)
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    made = db.do(store.submit(new_spec("ann", "Import of <b>"))).job
    file = File(
        id=file_id, name="rows & more.csv", size=len(CONTENT), content_type="text/csv", path=path
    )
    db.do(files.record("ann", file, made.id))
    db.do(store.update(made.id, Job.claimed))
    done = Result("Done", (Link("Download the 3 failed rows", file.url),))
    return db.do(store.update(made.id, lambda job: job.ended(done)))


def link(node: Node, job: Job, hours: float = 1) -> URL:
    assert job.result is not None
    file = files.id_of(job.result.links[0].url) or ""
    handout = Handout(job.id, file, round(time.time() + hours * 3600))
    return URL(HANDOUTS.url(handout)).with_port(node.url.port)


async def test_the_page_names_the_file_and_its_button_gets_it(node: Node, job: Job) -> None:
    page = await node.ask("GET", link(node, job))
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    for text in (
        "rows &amp; more.csv", "12 bytes", "Import of &lt;b&gt;", '<form method="post">',
        f"/?job={job.id}",
    ):  # fmt: skip
        assert text in page.text
    file = await node.ask("POST", link(node, job))
    assert (file.status, file.text) == (200, CONTENT.decode())
    assert file.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''rows%20%26")
    assert file.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_scanners_may_follow_a_link_as_often_as_they_like(
    node: Node, db: Store, job: Job, method: str
) -> None:
    kept = f"rb:{{{job.id[:2]}}}*"
    before = stored_view(db, job), sorted(ask(db, "KEYS", kept))
    url = link(node, job)
    answers = [await node.ask(method, url) for _ in range(30)]
    assert {answer.status for answer in answers} == {200}
    assert all(CONTENT.decode() not in answer.text for answer in answers)
    assert (stored_view(db, job), sorted(ask(db, "KEYS", kept))) == before
    assert (await node.ask("POST", url)).text == CONTENT.decode()
    assert (await node.ask("POST", url)).text == CONTENT.decode()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_a_link_that_has_expired_leads_to_the_jobs_page(
    node: Node, job: Job, method: str
) -> None:
    answer = await node.ask(method, link(node, job, hours=-0.01))
    assert answer.status == 410
    if method != "HEAD":
        assert "This link has expired" in answer.text
        assert f'href="/?job={job.id}"' in answer.text
    assert CONTENT.decode() not in answer.text


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_link_that_was_tampered_with_is_a_404_like_any_foreign_id(
    node: Node, job: Job, method: str
) -> None:
    whole = str(link(node, job))
    urls = (whole[:-1], f"{whole}x", f"{node.url}d/a.b", f"{node.url}d/x")
    told = [await node.ask(method, URL(url)) for url in urls]
    assert {answer.status for answer in told} == {404}
    assert len({answer.text for answer in told}) == 1
    assert "This link doesn&#39;t work" in told[0].text


async def test_a_file_that_was_forgotten_is_said_to_be_gone(
    node: Node, db: Store, job: Job, tmp_path: Path
) -> None:
    url = link(node, job)
    assert job.result is not None
    file = files.id_of(job.result.links[0].url) or ""
    files.place(tmp_path, file).unlink()
    for method in ("GET", "POST"):
        answer = await node.ask(method, url)
        assert (answer.status, "isn&#39;t kept any more" in answer.text) == (410, True)
    db.do(files.forget(file, job.id))
    assert (await node.ask("GET", url)).status == 410


async def test_a_link_gives_no_file_of_another_user(node: Node, db: Store, job: Job) -> None:
    bobs = db.do(store.submit(new_spec("bob"))).job
    assert job.result is not None
    file = files.id_of(job.result.links[0].url) or ""
    url = URL(HANDOUTS.url(Handout(bobs.id, file, round(time.time()) + 60)))
    assert (await node.ask("POST", url.with_port(node.url.port))).status == 410


async def test_the_page_of_a_file_runs_nothing_and_loads_nothing(node: Node, job: Job) -> None:
    page = await node.ask("GET", link(node, job))
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha")
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert "script" not in page.text


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1_000, "1.0 kB"),
        (1_234_567, "1.2 MB"), (999_999, "1.0 MB"), (5 * 10**15, "5,000.0 TB"),
    ],
)  # fmt: skip
def test_sizes_are_told_as_people_read_them(size: int, told: str) -> None:
    assert size_of(size) == told
