"""Drafts in the press: one at a time, few that wait, and nobody else who waits for them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway import proofs
from gateway.problems import Problem
from gateway.proofs import Proofs
from letters import desk
from letters.fixture import sample_of
from letters.people import Sender
from letters.unit import Unit
from letters.writer import Draft

SENDER = Sender("Ringback <no-reply@example.com>", "http://127.0.0.1:8000")
LOOPS = "{% for a in job.headline %}" * 9 + "{% endfor %}" * 9


@pytest.fixture
async def press() -> AsyncIterator[Proofs]:
    made = Proofs(None, SENDER, live=False)
    yield made
    await made.close()


async def draft(press: Proofs, body: str) -> Draft:
    return sample_of(desk.drafted(await press.shelf(), "failed", {"body.md": body}))


async def test_while_a_draft_hangs_the_loop_goes_on_and_few_may_wait(
    press: Proofs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "QUEUE", 3)
    hangs = await draft(press, LOOPS)
    others = [await draft(press, f"Fine, {number}. {{{{ job.button }}}}") for number in range(2)]
    began = time.monotonic()
    first = asyncio.ensure_future(press.proof(hangs))
    await asyncio.sleep(0)
    waiting = [asyncio.ensure_future(press.proof(other)) for other in others]
    await asyncio.sleep(0)
    with pytest.raises(Problem, match="Ask again in 5 seconds") as refused:
        await press.proof(others[0])
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "5")
    assert time.monotonic() - began < 1
    found = await first
    assert found.parts is None
    assert [it.text for it in found.findings] == [
        "this takes longer than 5 s; look for a loop in a loop"
    ]
    assert all([(await proof).parts for proof in waiting]), "their turn comes"


async def test_what_is_known_of_a_unit_is_not_found_out_again(press: Proofs) -> None:
    hangs = (await draft(press, LOOPS)).unit
    first = await press.lint(hangs)
    began = time.monotonic()
    again = Unit(hangs.name, dict(hangs.files), hangs.origin, hangs.home)
    assert await press.lint(again) == first
    assert time.monotonic() - began < 0.5


async def test_copy_that_fills_the_memory_ends_in_a_finding(press: Proofs) -> None:
    body = "{% set a = job.headline %}" + "{% set a = a ~ a ~ a ~ a %}" * 20 + "{{ a }}"
    found = await press.proof(await draft(press, body))
    assert found.parts is None
    assert "memory" in found.findings[0].text
    assert (await press.proof(await draft(press, "Fine. {{ job.button }}"))).parts


async def test_templates_that_can_not_be_read_are_told_and_read_once_they_can(
    tmp_path: Path,
) -> None:
    (tmp_path / "_layout").mkdir()
    words = tmp_path / "_layout" / "words.toml"
    words.write_text("this is no TOML")
    press = Proofs(tmp_path, SENDER, live=True)
    with pytest.raises(Problem, match=r"can't be read: .*words\.toml:1:") as told:
        await press.shelf()
    assert told.value.status == 503
    words.write_text("")
    assert (await press.shelf()).own == {}
    await press.close()


async def test_no_secret_of_the_gateway_is_known_to_the_press(
    press: Proofs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGBACK_JWT_SECRET", "a secret of at least thirty-two bytes")
    assert (await press.proof(await draft(press, "Fine. {{ job.button }}"))).parts
    known = [path.read_bytes() for path in presses()]
    assert known
    assert not [text for text in known if b"RINGBACK" in text]


def presses() -> list[Path]:
    """The environments of this process's children that write copy."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            mine = int(status.read_text().rpartition(")")[2].split()[1]) == os.getpid()
            if mine and b"letters.pressed" in (status.parent / "cmdline").read_bytes():
                found.append(status.parent / "environ")
    return found
