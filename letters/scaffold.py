"""Scaffold: the files that an author begins with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from letters import desk
from letters.shelf import Shelf
from ringback.errors import RingbackError
from ringback.settings import Settings


def begin(settings: Settings, name: str) -> Path:
    """Writes the files of the message that counts now into a folder of this name. Raises
    RingbackError; nothing is written over."""
    root = settings.templates
    if root is None:
        raise RingbackError(
            "RINGBACK_TEMPLATES isn't set. Set it to the folder that your own copy shall lie in, "
            "for the gateway and the mailers, too."
        )
    if why := desk.no_name(name):
        raise RingbackError(why)
    folder = root / name
    if folder.exists():
        raise RingbackError(f"{folder} is there already. Edit it, or remove it to begin again.")
    try:
        root.mkdir(exist_ok=True)
        files = desk.below(Shelf(root), name).files
        for file, text in files.items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_fixture(text, name) if path.suffix == ".json" else text, "utf-8")
    except OSError as error:
        raise RingbackError(f"{folder}: can't be written ({error.strerror}).") from None
    return folder


def _fixture(text: str, name: str) -> str:
    """A fixture whose jobs are of the type that the copy is for."""
    kind = name.partition(".")[2]
    sample: dict[str, Any] = json.loads(text)
    for view in sample["views"] if kind else ():
        view["type"] = kind
    return json.dumps(sample, indent=1, ensure_ascii=False) + "\n"
