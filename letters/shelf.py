"""Shelf: where the units lie, and which of them a job's letter is written from.

Three layers, each over the one before: the built-in units, the installation's own folder
(``RINGBACK_TEMPLATES``), and what authors published. In the installation's layers a unit for the
job's type comes before one for all types, and an exact message before a general one; only where
none is found, the built-in ones are asked. A unit may leave files out; those of the layer below
serve.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from letters.facts import STATES, Words, words_from
from letters.language import Languages
from letters.unit import REQUIRED, TemplateError, Unit, read_unit, toml
from letters.vocabulary import DIGEST, TEST
from ringback.errors import SettingsError

LAYOUT = "_layout"
LAYOUT_FILES = ("layout.html", "layout.txt", "style.css", "footer.md", "words.toml")
CATEGORIES = ("input", "permission", "external", "system")
#: The messages, and the more general one that serves where the installation has no own.
MESSAGES: Mapping[str, str | None] = {
    "succeeded": None,
    "retry-succeeded": "succeeded",
    "partial": None,
    "failed": None,
    **{f"failed-{category}": "failed" for category in CATEGORIES},
    "cancelled": None,
    DIGEST: None,
    TEST: None,
}

Layer = Mapping[str, Unit]
NOTHING: Layer = {}


def built_in_root() -> Path:
    """The built-in units: in the checkout, or in the installed package. Raises SettingsError."""
    here = Path(__file__).parent
    for root in (here.parent / "templates" / "email", here / "templates" / "email"):
        if root.is_dir():
            return root
    raise SettingsError(f"{here}: the built-in templates are missing. Install ringback again.")


class Shelf:
    """The built-in units with their layout, and the installation's ``own`` folder over them.

    Raises ``TemplateError`` where a built-in file or one of the layout is wrong, SettingsError
    where the own folder isn't there. What is wrong with the installation's own units is in
    ``troubles``: it must not keep the other letters from going out.
    """

    def __init__(self, own: Path | None = None, root: Path | None = None) -> None:
        self.root = root or built_in_root()
        if own is not None and not own.is_dir():
            raise SettingsError(f"RINGBACK_TEMPLATES={own}: there is no such folder.")
        folders = [self.root] if own is None else [self.root, own]
        self.own_root = own
        self.troubles: list[TemplateError] = []
        self.layout = {file: _layout_file(folders, file) for file in LAYOUT_FILES}
        self.words = _all_words(folders)
        self.languages = _languages(folders)
        self.built_in = self._built_in()
        self.own = {} if own is None else self._own(own)

    def find(self, names: Sequence[str], published: Layer = NOTHING) -> Unit:
        """The whole unit for the first of ``names`` ("partial.csv.import", "partial") that the
        installation has, else that is built in."""
        for layer in ({**self.own, **published}, self.built_in):
            for name in names:
                if name in layer:
                    return self.whole(layer[name], published)
        raise SettingsError(f"There is no message for {', '.join(names)}.")

    def whole(self, unit: Unit, published: Layer = NOTHING) -> Unit:
        """The unit with the files that it leaves out, from the layers below."""
        base: Unit | None = None
        for name in dict.fromkeys((unit.about, unit.name)):
            for layer in (self.built_in, self.own, published):
                if name in layer and _below(layer[name], unit):
                    base = layer[name].over(base)
        return unit.over(base)

    def _built_in(self) -> dict[str, Unit]:
        found = {unit.name: unit for unit in _units(self.root, "built-in")}
        for name in MESSAGES:
            if name not in found:
                raise TemplateError(self.root / name, 1, "there is no folder for this message")
            for file in REQUIRED:
                found[name].text(file)
        return found

    def _own(self, root: Path) -> dict[str, Unit]:
        found: dict[str, Unit] = {}
        for folder in _folders(root):
            try:
                unit = read_unit(folder)
            except TemplateError as error:
                self.troubles.append(error)
                continue
            if unit.about in MESSAGES:
                found[unit.name] = unit
            else:
                self.troubles.append(TemplateError(folder, 1, no_message(unit.about)))
        return found


def mark_of(folder: Path | None) -> object:
    """Differs once anything in the folder has changed."""
    told = [(path, path.stat()) for path in sorted(folder.rglob("*"))] if folder else []
    return [(str(path), stat.st_mtime_ns, stat.st_size) for path, stat in told]


def names_for(view: Mapping[str, object]) -> list[str]:
    """The units that fit a job's view, the most special one first. Raises ``ValueError`` for a job
    that hasn't ended."""
    if view["state"] not in STATES:
        raise ValueError(f"Job {view['id']} is {view['state']}; letters tell of ended jobs only.")
    names = _messages_for(view)
    return [*(f"{name}.{view.get('type')}" for name in names), *names]


def _messages_for(view: Mapping[str, object]) -> list[str]:
    state, error, attempt = str(view["state"]), view.get("error"), view.get("attempt")
    if state == "failed" and isinstance(error, Mapping) and error:
        category = str(error.get("category"))
        return [f"failed-{category if category in CATEGORIES else 'system'}", "failed"]
    tries = attempt.get("number") if isinstance(attempt, Mapping) else 1
    if state == "succeeded" and (view.get("retry_of") or int(tries or 1) > 1):
        return ["retry-succeeded", "succeeded"]
    return [state]


def no_message(name: str) -> str:
    """Why there is no message of this name, and which one may be meant."""
    close = difflib.get_close_matches(name, MESSAGES, 1)
    hint = f"Did you mean “{close[0]}”?" if close else f"Messages: {', '.join(MESSAGES)}"
    return f"“{name}” is no message. {hint}"


def _below(base: Unit, unit: Unit) -> bool:
    """Whether ``unit`` may stand on ``base``: not on itself, nor on a layer above it."""
    order = ("built-in", "folder", "published")
    if base.name == unit.name:
        return order.index(base.origin) < order.index(unit.origin)
    return order.index(base.origin) <= order.index(unit.origin)


def _folders(root: Path) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        if path.is_dir() and not path.name.startswith(("_", ".")):
            yield path


def _units(root: Path, origin: str) -> Iterator[Unit]:
    for folder in _folders(root):
        unit = read_unit(folder)
        yield Unit(unit.name, unit.files, "built-in", unit.home) if origin == "built-in" else unit


def _layout_file(folders: Sequence[Path], file: str) -> str:
    for folder in reversed(folders):
        path = folder / LAYOUT / file
        if path.is_file():
            return path.read_text("utf-8")
    raise TemplateError(folders[0] / LAYOUT / file, 1, "this file is missing")


def _all_words(folders: Sequence[Path]) -> dict[str, Words]:
    words: dict[str, Words] = {}
    for folder in folders:
        path = folder / LAYOUT / "words.toml"
        if path.is_file():
            text = path.read_text("utf-8")
            toml(path, text)
            try:
                words |= words_from(text)
            except ValueError as error:
                raise TemplateError(path, 1, str(error)) from error
    return words


def _languages(folders: Sequence[Path]) -> Languages:
    try:
        return Languages(folders)
    except ValueError as error:
        raise SettingsError(str(error)) from error
