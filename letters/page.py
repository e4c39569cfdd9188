"""Page: what stands in a rendered HTML part, for those who check it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_REMOTE = re.compile(r"url\(\s*['\"]?\s*(?:https?:|//)[^)]*\)|@import[^;]*", re.IGNORECASE)
_LOADING = ("src", "srcset", "background", "poster", "data")
_HIDDEN = ("script", "style", "title")


class Page(HTMLParser):
    """Words, links and tags. ``links``: (label, href, classes); ``body`` leaves out what only the
    inbox row shows."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.body: list[str] = []
        self.links: list[tuple[str, str, frozenset[str]]] = []
        self.root: dict[str, str] = {}
        self.remote: list[str] = _REMOTE.findall(source)
        self._stack: list[tuple[str, bool]] = []
        self._link: tuple[str, frozenset[str]] | None = None
        self._label: list[str] = []
        self.feed(source)
        self.close()

    @property
    def buttons(self) -> list[tuple[str, str]]:
        """The labels and targets of what is made as a button."""
        return [(label, href) for label, href, classes in self.links if "button" in classes]

    @property
    def text(self) -> str:
        """All that readers see, in one line."""
        return " ".join(" ".join(self.body).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.root = given
        if tag in ("script", "iframe", "object", "embed", "form"):
            self.remote.append(f"<{tag}>")
        self.remote += [given[name] for name in _LOADING if name in given]
        if tag == "link" and "href" in given:
            self.remote.append(given["href"])
        if tag not in ("br", "hr", "img", "meta", "link", "input"):
            outer = bool(self._stack) and self._stack[-1][1]
            hides = tag in _HIDDEN or given.get("aria-hidden") == "true"
            self._stack.append((tag, outer or hides))
        if tag == "a" and "href" in given:
            self._link, self._label = (
                (given["href"], frozenset(given.get("class", "").split())),
                [],
            )

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link is not None:
            self.links.append((" ".join("".join(self._label).split()), *self._link))
            self._link = None
        if any(name == tag for name, _ in self._stack):
            while self._stack.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._stack and self._stack[-1][1]:
            return
        self.body.append(data)
        if self._link is not None:
            self._label.append(data)
