"""The published layer: the units that a store's editions make."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from letters.shelf import Layer
from letters.unit import Unit
from ringback.editions import Edition


def unit_of(edition: Edition) -> Unit:
    """The unit with the files of its own; its home says which revision it is."""
    home = PurePath(f"{edition.name}@{edition.revision}")
    return Unit(edition.name, edition.files, "published", home, edition.revision)


def layer(editions: Iterable[Edition]) -> Layer:
    """The units by name, for a shelf."""
    return {edition.name: unit_of(edition) for edition in editions}
