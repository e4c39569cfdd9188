"""Uploads that are no whole form, or of no name, are refused in words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from tests.rig import Valkey
from tests.wire import Node, gateway

FORM = "multipart/form-data; boundary=x"


@pytest.fixture
async def node(shared_valkey: Valkey, tmp_path: Path) -> AsyncIterator[Node]:
    async with gateway(shared_valkey.url, tmp_path) as there:
        yield there


def part(head: str, end: str = "--x--") -> bytes:
    return f"--x\r\nContent-Disposition: form-data; {head}\r\n\r\nhello\r\n{end}\r\n".encode()


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        (FORM, part('name="file"; filename="a\0.csv"'), "body"),
        (FORM, part('name="file"; filename="\x01"'), "body"),
        (FORM, part('name="file"'), "name"),
        (FORM, part('name="other"; filename="a.csv"'), "file"),
        (FORM, part('name="file"; filename="a.csv"', end=""), "body"),
        (FORM, b"--x\r\nno header at all\r\n\r\n--x--", "body"),
        (FORM, b"\xff", "body"),
        ("multipart/form-data", part('name="file"; filename="a.csv"'), "body"),
    ],
)
async def test_what_is_no_form_with_a_named_file_is_refused(
    node: Node, tmp_path: Path, kind: str, body: bytes, field: str
) -> None:
    answer = await node.ask(
        "POST", node.url / "api/v1/files", body,
        Authorization=f"Bearer {node.token()}", Content_Type=kind,
    )  # fmt: skip
    assert (answer.status, orjson.loads(answer.text)["errors"][0]["field"]) == (400, field)
    assert list(tmp_path.rglob("*.part")) == []
