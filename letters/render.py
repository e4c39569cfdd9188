"""Render: a unit's files and a job's words make subject, preheader, text and HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

import css_inline
from markupsafe import Markup

from letters.language import SOURCE, Language
from letters.phrases import Speaker
from letters.prose import Prose, plain
from letters.sandbox import parse, write
from letters.shelf import LAYOUT
from letters.unit import TemplateError, Unit

LONGEST_LINE = 1_000  #: characters of a subject or preheader; longer headers take long to write
PREHEADER = 150  #: characters that an inbox row may show; what is left is filled with blanks
_BLANKS = re.compile(r"[^\S\u00a0\u202f]+")  #: but those that keep words together: « a », 1 204
_BLANK = Markup("&#847; ")  #: keeps the body's first words out of the inbox row


@dataclass(frozen=True, slots=True)
class Parts:
    """A rendered message. Subject and preheader are one line each; ``language`` is its tag."""

    subject: str
    preheader: str
    text: str
    html: str
    language: str = SOURCE


class Renderer:
    """Puts units into one layout, ``LAYOUT_FILES`` by name. Raises ``TemplateError`` where that
    can't be parsed."""

    def __init__(self, layout: Mapping[str, str], home: PurePath) -> None:
        self._layout = layout
        self._home = home / LAYOUT
        self._inliner = css_inline.CSSInliner(
            keep_style_tags=False, keep_at_rules=True, load_remote_stylesheets=False
        )
        for file in ("layout.html", "layout.txt", "footer.md"):
            parse(layout[file], self._home / file)

    def render(self, unit: Unit, context: Mapping[str, object], language: Language) -> Parts:
        """The unit in ``language``. ``context`` has its vocabulary's values, texts inert.

        Raises ``TemplateError`` naming the file and line that failed.
        """
        page = _Page(unit, {**context, "language": language}, language)
        subject, preheader = page.line("subject.txt"), page.line("preheader.txt")
        body = Prose(page.written("body.md"))
        footer = Prose(self._written("footer.md", page, language))
        frame = {
            **page.context, "subject": subject, "preheader": preheader, "message": unit.message,
            "badge": _badge(unit.message.badge, language), "lang": language.tag,
            "dir": language.direction,
        }  # fmt: skip
        link = Speaker(language, language.tag).link
        text = page.body_text() or body.text(link)
        return Parts(
            subject=subject,
            preheader=preheader,
            text=self._text({**frame, "body": text, "footer": footer.text(link)}),
            html=self._html(frame, body, footer),
            language=language.tag,
        )

    def _written(self, file: str, page: _Page, language: Language) -> str:
        source = language.template(self._layout[file])
        return write(source, self._home / file, page.context)

    def _text(self, frame: Mapping[str, object]) -> str:
        page = write(self._layout["layout.txt"], self._home / "layout.txt", frame)
        return page.strip("\n") + "\n"

    def _html(self, frame: Mapping[str, object], body: Prose, footer: Prose) -> str:
        shown = {
            "style": Markup(self._layout["style.css"]),
            "body": Markup(body.html()),  # sanitised by Prose
            "footer": Markup(footer.html()),  # sanitised by Prose
            "blanks": _BLANK * max(PREHEADER - len(str(frame["preheader"])), 0),
        }
        path = self._home / "layout.html"
        return self._inliner.inline(
            write(self._layout["layout.html"], path, {**frame, **shown}, page=True)
        )


def _badge(badge: str, language: Language) -> str:
    """The word over the headline; none where it isn't translated: the headline says the same."""
    return language.say(badge) if language.knows(badge) else ""


class _Page:
    """One unit's own files, written in one language."""

    def __init__(self, unit: Unit, context: Mapping[str, object], language: Language) -> None:
        self.context = context
        self._unit = unit
        self._language = language

    def line(self, file: str) -> str:
        line = _BLANKS.sub(" ", plain(self.written(file))).strip()
        if len(line) > LONGEST_LINE:
            told = f"this writes {len(line):,} characters; at most {LONGEST_LINE:,} make a line"
            raise TemplateError(self._unit.at(file), 1, told)
        return line

    def written(self, file: str) -> str:
        """A file's text: its version of the language as it is, else the lines of the catalog."""
        name = self._unit.file_for(file, self._language.tag)
        source = self._unit.text(name)
        if name == file:
            source = self._language.template(source)
        return write(source, self._unit.at(name), self.context)

    def body_text(self) -> str:
        return plain(self.written("body.txt")) if "body.txt" in self._unit.files else ""
