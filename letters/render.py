"""Templates: a folder per message, rendered to subject, preheader, text and HTML.

::

    <root>/<message>/  message.toml subject.txt preheader.txt body.md [body.txt]
                       fixtures/typical.json
    <root>/_layout/    layout.html layout.txt style.css footer.md parts.md words.toml

``body.md`` is Jinja over Markdown, written once; both parts are made from it. Values reach it
inert (``letters.prose``). ``layout.html`` autoescapes. Templates run in Jinja's immutable sandbox,
and an unknown name is an error, never an empty string.
"""

from __future__ import annotations

import re
import tomllib
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import css_inline
from jinja2 import (
    FileSystemLoader,
    StrictUndefined,
    TemplateNotFound,
    TemplateSyntaxError,
    UndefinedError,
    nodes,
)
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from letters import speech
from letters.prose import Prose, plain
from ringback.errors import RingbackError

LAYOUT = "_layout"
REQUIRED = ("message.toml", "subject.txt", "preheader.txt", "body.md", "fixtures/typical.json")
LAYOUT_FILES = ("layout.html", "layout.txt", "style.css", "footer.md", "parts.md", "words.toml")
TONES = ("good", "mixed", "bad", "calm")


class TemplateError(RingbackError):
    """A template is wrong. The text starts with ``file:line:`` (line 1 if none is known)."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Variable:
    """What a template may use: its type, meaning and an example, for whoever writes the copy."""

    name: str
    type: str
    meaning: str
    example: str


@dataclass(frozen=True, slots=True)
class Message:
    """``message.toml``: what the message is for. ``badge`` and ``tone`` head the HTML part."""

    name: str
    purpose: str
    sent_when: str
    badge: str
    tone: str
    variables: tuple[Variable, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """A rendered message. Subject and preheader are one line each."""

    subject: str
    preheader: str
    text: str
    html: str


class Templates:
    """All messages under ``root``, loaded and checked once.

    Raises ``TemplateError`` for a missing file, a syntax error, an undeclared variable or a
    ``message.toml`` that leaves something out.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._source = _environment(root, autoescape=False)
        self._page = _environment(root, autoescape=True)
        self._demand(LAYOUT, LAYOUT_FILES)
        self.messages = {name: self._load(name) for name in self._names()}
        self._check_layout()
        self._style = (root / LAYOUT / "style.css").read_text("utf-8")
        self._inliner = css_inline.CSSInliner(
            keep_style_tags=False, keep_at_rules=True, load_remote_stylesheets=False
        )

    def render(self, name: str, context: Mapping[str, object]) -> Parts:
        """The message ``name``. ``context`` has its declared variables, texts inert.

        Raises ``TemplateError`` naming the file and line that failed.
        """
        message = self.messages[name]
        try:
            return self._render(message, context)
        except Exception as error:
            raise self._located(error, self.root / name / "body.md") from error

    def _render(self, message: Message, context: Mapping[str, object]) -> Parts:
        subject = self._line(f"{message.name}/subject.txt", context)
        preheader = self._line(f"{message.name}/preheader.txt", context)
        body = Prose(self._written(f"{message.name}/body.md", context))
        footer = Prose(self._written(f"{LAYOUT}/footer.md", context))
        frame = {**context, "subject": subject, "preheader": preheader, "message": message}
        return Parts(
            subject=subject,
            preheader=preheader,
            text=self._text(frame, self._body_text(message, context) or body.text(), footer),
            html=self._html(frame, body, footer),
        )

    def _line(self, template: str, context: Mapping[str, object]) -> str:
        return " ".join(plain(self._written(template, context)).split())

    def _written(self, template: str, context: Mapping[str, object]) -> str:
        return self._source.get_template(template).render(context)

    def _body_text(self, message: Message, context: Mapping[str, object]) -> str:
        template = f"{message.name}/body.txt"
        if not (self.root / template).exists():
            return ""
        return plain(self._written(template, context))

    def _text(self, frame: Mapping[str, object], body: str, footer: Prose) -> str:
        context = {**frame, "body": body, "footer": footer.text()}
        page = self._written(f"{LAYOUT}/layout.txt", context)
        return page.strip("\n") + "\n"

    def _html(self, frame: Mapping[str, object], body: Prose, footer: Prose) -> str:
        page = self._page.get_template(f"{LAYOUT}/layout.html").render(
            frame,
            style=Markup(self._style),
            body=Markup(body.html()),  # sanitised by Prose
            footer=Markup(footer.html()),  # sanitised by Prose
        )
        return self._inliner.inline(page)

    # -- loading

    def _names(self) -> list[str]:
        folders = (path.name for path in self.root.iterdir() if path.is_dir())
        return sorted(name for name in folders if not name.startswith(("_", ".")))

    def _demand(self, folder: str, names: tuple[str, ...]) -> None:
        for name in names:
            if not (self.root / folder / name).is_file():
                raise TemplateError(self.root / folder / name, 1, "this file is missing")

    def _load(self, name: str) -> Message:
        self._demand(name, REQUIRED)
        message = _message(self.root / name / "message.toml")
        declared = {variable.name for variable in message.variables}
        for path in sorted((self.root / name).glob("*.*")):
            if path.suffix in (".md", ".txt"):
                self._check(path, declared)
        return message

    def _check_layout(self) -> None:
        for path in sorted((self.root / LAYOUT).glob("*.*")):
            if path.suffix in (".md", ".txt", ".html"):
                self._compile(path)

    def _check(self, path: Path, declared: set[str]) -> None:
        tree = self._compile(path)
        for unknown in sorted(find_undeclared_variables(tree) - declared):
            reason = f"“{unknown}” isn't declared in message.toml"
            raise TemplateError(path, _line_of(tree, unknown), reason)

    def _compile(self, path: Path) -> nodes.Template:
        try:
            self._source.get_template(path.relative_to(self.root).as_posix())
            return self._source.parse(path.read_text("utf-8"))
        except TemplateSyntaxError as error:
            raise TemplateError(path, error.lineno, error.message or "syntax error") from error

    def _located(self, error: Exception, default: Path) -> TemplateError:
        """``error`` with the template's file and line: Jinja puts both into the traceback."""
        frames = traceback.extract_tb(error.__traceback__)
        inside = [frame for frame in frames if Path(frame.filename).is_relative_to(self.root)]
        path = Path(inside[-1].filename) if inside else default
        line = (inside[-1].lineno if inside else None) or 1
        told = isinstance(error, UndefinedError | TemplateNotFound)
        return TemplateError(path, line, str(error) if told else f"{type(error).__name__}: {error}")


def _environment(root: Path, *, autoescape: bool) -> ImmutableSandboxedEnvironment:
    env = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(root),
        autoescape=autoescape,
        undefined=StrictUndefined,
        finalize=_printed,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    env.filters.update(speech.FILTERS)
    return env


def _printed(value: Any) -> Any:
    """Refuse to print "None" to somebody."""
    if value is None:
        raise TypeError("this value is None; test it before printing it")
    return value


def _line_of(tree: nodes.Template, name: str) -> int:
    uses: Iterator[nodes.Name] = tree.find_all(nodes.Name)
    return min((use.lineno for use in uses if use.name == name), default=1)


def _message(path: Path) -> Message:
    table = _toml(path)
    try:
        variables = tuple(
            Variable(name, **{key: str(row[key]) for key in ("type", "meaning", "example")})
            for name, row in table.pop("variables").items()
        )
        message = Message(name=path.parent.name, variables=variables, **table)
    except (KeyError, TypeError, AttributeError) as error:
        raise TemplateError(path, 1, f"{error} is missing or not known here") from error
    if message.tone not in TONES:
        raise TemplateError(path, 1, f"tone “{message.tone}” isn't one of {', '.join(TONES)}")
    return message


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        # Before Python 3.14 the line stands in the text only.
        line = re.search(r"line (\d+)", str(error))
        raise TemplateError(path, int(line[1]) if line else 1, str(error)) from error
