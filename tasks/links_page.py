"""The page whose links are checked: fetched, and its links found; also a list given instead.

What is wrong with the page itself ends the attempt: an ``InputError`` where only the user can
mend it, an ``ExternalError`` where trying again may help.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiohttp import ClientResponse
from yarl import URL

from ringback.errors import ExternalError, InputError, JobError
from tasks.csv_file import shown
from tasks.links_fetch import Fetcher, Said, web_address
from tasks.links_html import anchors
from tasks.links_problem import (
    BAD_ADDRESS,
    NO_HOST,
    NOT_WEB,
    PRIVATE,
    REDIRECTS,
    TLS,
    Unfit,
)

PAGE_SIZE = 5 << 20  #: bytes of a page
LINKS = 5_000  #: that one check takes
ADDRESS_LENGTH = 2_000  #: characters; what is longer is cut, and then no valid address
TEXT_LENGTH = 80  #: characters of the text that leads to a link
EXAMPLE = "for example https://example.com/page"

_HTML = ("text/html", "application/xhtml+xml")
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_CHARSET_WITHIN = 1024  # https://html.spec.whatwg.org/multipage/semantics.html#charset
_BREAKS = re.compile(r"[\t\n\r]")  # in addresses of pages they don't count
_TELL_OWNER = "If the page doesn't open in a browser either, its owner has to mend it."
#: What only the user can mend, with what to do about it; all else is worth another try.
_HOPELESS = {
    BAD_ADDRESS: f"Write the whole address, {EXAMPLE}.",
    NOT_WEB: f"Give an address that starts with https:// or http://, {EXAMPLE}.",
    NO_HOST: "Check the spelling of the site's name.",
    PRIVATE: "Give a page that everybody can open; pages of private networks can't be reached.",
    REDIRECTS: "Give the address of the page where the redirects should end.",
    TLS: "Its owner has to mend the site's certificate; until then its links can't be checked.",
}


@dataclass(frozen=True, slots=True)
class PageLink:
    """An address to check, and the text that leads there, if any."""

    url: str
    text: str = ""


def page_address(text: str) -> URL:
    """The address of a page. Raises InputError."""
    try:
        return web_address(text)
    except Unfit as unfit:
        raise _page_error(text, unfit) from None


def listed(urls: Sequence[str]) -> list[PageLink]:
    """The links of a list, each once, as they were given: what can't be an address is told as
    broken, as on a page, and keeps no other from being checked."""
    return _distinct(PageLink(shown(url, ADDRESS_LENGTH)) for url in urls)


async def read_page(fetcher: Fetcher, url: URL) -> list[PageLink]:
    """The links of a page in its order, each once, without fragments; relative ones resolved
    against its ``<base>`` and the address at the end of redirects.

    Raises InputError or ExternalError.
    """
    try:
        async with fetcher.answer("GET", url) as response:
            _accept(response, url)
            links = _found(await _text(response, url), response.url)
    except Unfit as unfit:
        raise _page_error(str(url), unfit) from unfit
    if len(links) > LINKS:
        raise _unusable(
            url, "too_many_links", f"{_named(url)} has {len(links):,} links, more than {LINKS:,}",
            f"Give their addresses as lists of at most {LINKS:,} each",
        )  # fmt: skip
    return links


# -- the page as it answers


def _accept(response: ClientResponse, url: URL) -> None:
    """Raises what is wrong with the page, if anything."""
    said = Said.of(response)
    if said.busy or said.status >= 500:
        raise ExternalError(
            f"{url.host} answered with {said}, so the page's links couldn't be found.",
            code="page_unavailable",
            action=_TELL_OWNER,
            retry_after=said.retry_after,
        )
    if said.status in (401, 403, 407):
        raise _unusable(
            url, "page_needs_sign_in", f"{_named(url)} needs a sign-in ({said})",
            "Give a page that everybody can open",
        )  # fmt: skip
    if said.status >= 300:
        raise _unusable(
            url, "page_not_found", f"{_named(url)} can't be opened ({said})",
            f"Check the address in a browser, {EXAMPLE}",
        )  # fmt: skip
    if response.headers.get("Content-Type") and response.content_type not in _HTML:
        raise _unusable(
            url, "not_html", f"{_named(url)} isn't an HTML page but {response.content_type}",
            "Give the address of a web page, or the addresses to check as a list",
        )  # fmt: skip


async def _text(response: ClientResponse, url: URL) -> str:
    body = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > PAGE_SIZE:
            raise _unusable(
                url, "page_too_large", f"{_named(url)} is larger than {PAGE_SIZE >> 20} MiB",
                "Give a smaller page, or the addresses to check as a list",
            )  # fmt: skip
    return _decoded(bytes(body), response.charset)


def _decoded(body: bytes, charset: str | None) -> str:
    declared = _CHARSET.search(body[:_CHARSET_WITHIN])
    try:
        return body.decode(charset or (declared[1].decode() if declared else "utf-8"), "replace")
    except (LookupError, UnicodeError):  # no such encoding, or none for whole texts
        return body.decode("utf-8", "replace")


# -- its links


def _found(html: str, address: URL) -> list[PageLink]:
    page = anchors(html)
    base = _joined(address, page.base or "") or address
    leading = [a for a in page.found if a.href.strip() and not a.href.strip().startswith("#")]
    return _distinct(
        PageLink(_resolved(a.href, base), shown(a.words, TEXT_LENGTH)) for a in leading
    )


def _resolved(href: str, base: URL) -> str:
    """The whole address; what can't be one stays as it is, to be told as broken."""
    found = _joined(base, href)
    return shown(href if found is None else str(found.with_fragment(None)), ADDRESS_LENGTH)


def _joined(base: URL, href: str) -> URL | None:
    try:
        return base.join(URL(_BREAKS.sub("", href.strip())))
    except ValueError:
        return None


def _distinct(links: Iterable[PageLink]) -> list[PageLink]:
    known: dict[str, PageLink] = {}
    for link in links:
        known.setdefault(_target(link.url), link)
    return list(known.values())


def _target(url: str) -> str:
    """Equal for addresses that one request checks."""
    try:
        return str(URL(url).with_fragment(None))
    except ValueError:
        return url


# -- words


def _page_error(text: str, unfit: Unfit) -> JobError:
    action = _HOPELESS.get(unfit.problem)
    if action is None:
        return ExternalError(
            f"{shown(text)} couldn't be opened: {unfit.detail}.",
            code="page_unavailable",
            action=_TELL_OWNER,
        )
    reason = f"“{shown(text)}” can't be checked: {unfit.detail}."
    code = unfit.problem.code
    return InputError(reason, code=code, action=action, field="url", value=text)


def _unusable(url: URL, code: str, message: str, action: str) -> InputError:
    return InputError(f"{message}.", code=code, action=f"{action}.", field="url", value=str(url))


def _named(url: URL) -> str:
    return shown(str(url))
