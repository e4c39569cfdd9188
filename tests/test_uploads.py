"""Uploads that are no whole form, or of no name, are refused in words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import orjson
import pytest

from gateway.problems import BODY_LIMIT
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


async def test_of_a_form_of_very_many_parts_only_the_first_are_looked_at(
    node: Node, tmp_path: Path
) -> None:
    one = b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n'
    answer = await node.ask(
        "POST", node.url / "api/v1/files", BytesIO(one * 20_000 + b"--x--\r\n"),
        Authorization=f"Bearer {node.token()}", Content_Type=FORM,
    )  # fmt: skip
    assert answer.status == 400
    assert "among its first 100" in answer.text
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_chunked_body_without_end_is_refused_at_the_limit(node: Node) -> None:
    sent, refused = 0, False

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while not refused:
            sent += 8_192
            yield b" " * 8_192

    async with node.http.post(
        node.url / "api/v1/jobs", data=endless(),
        headers={"Authorization": f"Bearer {node.token()}", "Content-Type": "application/json"},
    ) as answer:  # fmt: skip
        refused = True
        assert answer.status == 413
        answer.close()  # or the node lingers for ten seconds, to let it be read
    assert sent < 100 * BODY_LIMIT
