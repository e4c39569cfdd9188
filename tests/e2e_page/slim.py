"""Makes a screenshot's file small: at most 256 colours, which is all that a page needs."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from pathlib import Path

HEAD = b"\x89PNG\r\n\x1a\n"
COLOURS = 256


def slim(path: Path) -> None:
    """Writes the picture again, with a palette. For what Chromium makes: RGB or RGBA, 8 bits."""
    chunks = list(_chunks(path.read_bytes()))
    width, height, _, kind = struct.unpack("!IIBB", dict(chunks)[b"IHDR"][:10])
    size = {2: 3, 6: 4}[kind]
    data = zlib.decompress(b"".join(body for name, body in chunks if name == b"IDAT"))
    rows = _unfiltered(data, width * size, size)
    pixels = [[row[at : at + 3] for at in range(0, len(row), size)] for row in rows]
    palette, index = _palette(Counter(pixel for row in pixels for pixel in row))
    lines = b"".join(b"\0" + bytes(index[pixel] for pixel in row) for row in pixels)
    path.write_bytes(
        HEAD
        + _chunk(b"IHDR", struct.pack("!IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + _chunk(b"PLTE", b"".join(palette))
        + _chunk(b"IDAT", zlib.compress(lines, 9))
        + _chunk(b"IEND", b"")
    )


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], len(HEAD)
    while at < len(data):
        (size,) = struct.unpack_from("!I", data, at)
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += size + 12
    return found


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack("!I", len(body)) + name + body + struct.pack("!I", zlib.crc32(name + body))


def _unfiltered(data: bytes, width: int, size: int) -> list[bytes]:
    """PNG, 9.2: each line is told by what differs from its neighbours."""
    rows: list[bytes] = []
    above = bytes(width)
    for start in range(0, len(data), width + 1):
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + width])
        for at in range(width if kind else 0):
            left = row[at - size] if at >= size else 0
            corner = above[at - size] if at >= size else 0
            row[at] = (row[at] + _guess(kind, left, above[at], corner)) & 255
        above = bytes(row)
        rows.append(above)
    return rows


def _guess(kind: int, left: int, up: int, corner: int) -> int:
    if kind < 4:
        return (0, left, up, (left + up) // 2)[kind]
    about = left + up - corner
    return min((left, up, corner), key=lambda it: abs(about - it))


def _palette(seen: Counter[bytes]) -> tuple[list[bytes], dict[bytes, int]]:
    """The colours that are seen most, and for each other one the nearest of them."""
    palette = [colour for colour, _ in seen.most_common(COLOURS)]

    def nearest(colour: bytes) -> int:
        return min(
            range(len(palette)),
            key=lambda at: sum((a - b) ** 2 for a, b in zip(palette[at], colour, strict=True)),
        )

    known = {colour: at for at, colour in enumerate(palette)}
    return palette, known | {colour: nearest(colour) for colour in seen if colour not in known}
