"""The installation's own folder of templates, written from the studio in development."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ringback.errors import RingbackError


class OutsideFolder(RingbackError):
    """A message's folder leads out of the folder of templates."""


def writable(root: Path | None) -> bool:
    """Whether files can be saved there."""
    return root is not None and root.is_dir() and os.access(root, os.W_OK)


def save(root: Path, name: str, files: Mapping[str, str | None]) -> tuple[list[str], list[str]]:
    """Writes a unit's files, each whole or not at all, and removes those that are None; the names
    of those written and removed. ``name`` and file names are checked before. Raises OutsideFolder
    where a symbolic link leads elsewhere, and OSError.
    """
    home = root / name
    for file in files:
        if not (home / file).parent.resolve().is_relative_to(root.resolve()):
            raise OutsideFolder(f"{home} isn't in {root}. Make it a folder there, without links.")
    written, removed = [], []
    for file, text in files.items():
        if text is not None:
            _put(home / file, text)
            written.append(file)
        elif (home / file).is_file():
            (home / file).unlink()
            removed.append(file)
    return written, removed


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError:
        temporary.unlink()
        raise
