"""The page whose links are checked: what it must be, and which links it has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web
from yarl import URL

from ringback import guard
from ringback.errors import ExternalError, InputError
from tasks.links_fetch import Fetcher
from tasks.links_page import LINKS, PageLink, listed, page_address, read_page
from tests.links_site import MOODS, Site
from tests.rig import free_port


@pytest.fixture
def site() -> Iterator[Site]:
    site_ = Site()
    yield site_
    site_.close()


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with Fetcher(timeout=5, private=True) as fetcher_:
        yield fetcher_


async def found(fetcher: Fetcher, site: Site, html: str, path: str = "/a/page") -> list[str]:
    """The addresses on a page, without the site's own beginning."""
    site.pages[path] = html
    links = await read_page(fetcher, URL(site.url(path)))
    return [link.url.removeprefix(site.url("")) for link in links]


async def test_links_come_once_in_order_and_whole(fetcher: Fetcher, site: Site) -> None:
    html = (
        "<a href=b>B</a> <a href='/c?d#e'>C</a> <a href=b#part>again</a> <a href=#top>Top</a>"
        "<a href>Here</a> <a href='http://other.example/'>O</a> <a href='mailto:a@b.c'>M</a>"
        "<a href='http://[bad'>X</a> <a href=' \n/n\new '>N</a>"
    )
    assert await found(fetcher, site, html) == [
        "/a/b", "/c?d", "http://other.example/", "mailto:a@b.c", "http://[bad", "/new",
    ]  # fmt: skip


async def test_a_base_address_counts_for_relative_links(fetcher: Fetcher, site: Site) -> None:
    assert await found(fetcher, site, "<a href=x>X</a><base href='/other/'>") == ["/other/x"]
    assert await found(fetcher, site, "<base href='http://[bad'><a href=x>X</a>") == ["/a/x"]


async def test_relative_links_count_from_where_redirects_end(fetcher: Fetcher, site: Site) -> None:
    site.pages["/far/away"] = "<a href=x>X</a>"
    (link,) = await read_page(fetcher, URL(site.url("/to?at=/far/away")))
    assert link == PageLink(site.url("/far/x"), "X")


async def test_data_in_an_address_is_cut_short(fetcher: Fetcher, site: Site) -> None:
    (link,) = await found(fetcher, site, f"<a href='data:text/plain,{'x' * 100_000}'>D</a>")
    assert len(link) <= 2_001


@pytest.mark.parametrize(
    ("declared", "body", "text"),
    [
        ("text/html; charset=iso-8859-1", "<a href=x>Käse</a>".encode("latin-1"), "Käse"),
        ("text/html", b"<meta charset=windows-1252><a href=x>K\xe4se</a>", "Käse"),
        ("text/html", "<a href=x>Käse</a>".encode(), "Käse"),
        ("text/html; charset=rot13", b"<a href=x>Cheese</a>", "Cheese"),
        ("text/html; charset=undefined", b"<a href=x>Cheese</a>", "Cheese"),
        ("application/xhtml+xml", b"<a href='x'>Cheese</a>", "Cheese"),
    ],
)
async def test_a_page_is_read_in_the_encoding_it_declares(
    declared: str,
    body: bytes,
    text: str,
    fetcher: Fetcher,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def answer(_: Site, __: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers={"Content-Type": declared})

    monkeypatch.setitem(MOODS, "encoded", answer)
    (link,) = await read_page(fetcher, URL(site.url("/encoded")))
    assert link.text == text


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/missing", "page_not_found"), ("/members", "page_needs_sign_in"), ("/pdf", "not_html"),
        ("/huge", "page_too_large"), ("/loop", "redirect_loop"),
        ("/to?at=mailto:a@b.c", "not_web"),
    ],
)  # fmt: skip
async def test_a_page_that_only_the_user_can_mend_is_an_input_error(
    path: str, code: str, fetcher: Fetcher, site: Site
) -> None:
    with pytest.raises(InputError) as caught:
        await read_page(fetcher, URL(site.url(path)))
    assert (caught.value.code, caught.value.field) == (code, "url")
    assert site.url(path)[:50] in caught.value.message
    assert caught.value.action


@pytest.mark.parametrize(
    ("path", "wait"),
    [("/busy", 0.0), ("/much-later", 600.0), ("/broken", None), ("/reset", None), ("/slow", None)],
)
async def test_a_page_that_fails_for_now_is_an_external_error(
    path: str, wait: float | None, site: Site
) -> None:
    async with Fetcher(timeout=0.5, private=True) as fetcher:
        with pytest.raises(ExternalError) as caught:
            await read_page(fetcher, URL(site.url(path)))
    assert (caught.value.code, caught.value.retry_after) == ("page_unavailable", wait)


async def test_a_site_that_is_down_is_an_external_error(fetcher: Fetcher) -> None:
    with pytest.raises(ExternalError, match="the connection was refused"):
        await read_page(fetcher, URL(f"http://127.0.0.1:{free_port()}/"))


async def test_a_page_must_not_redirect_into_the_private_network(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    # here 127.0.0.1 stands for the internet, and 127.0.0.2 for what is behind our walls
    monkeypatch.setattr(guard, "is_public", lambda address: address == "127.0.0.1")
    async with Fetcher(timeout=5, private=False) as fetcher:
        await fetcher.check(site.url("/fine"))
        inside = f"http://127.0.0.2:{site.port}/fine"
        with pytest.raises(InputError) as caught:
            await read_page(fetcher, URL(site.url(f"/to?at={inside}")))
    assert caught.value.code == "private_address"
    assert "private" in caught.value.message
    assert site.times("/fine") == 1


async def test_a_page_with_more_links_than_one_check_takes_is_refused(
    fetcher: Fetcher, site: Site
) -> None:
    with pytest.raises(InputError, match=r"has 5,001 links, more than 5,000\."):
        await found(fetcher, site, "".join(f"<a href={i}>" for i in range(LINKS + 1)))


def test_a_list_is_taken_as_given_each_address_once() -> None:
    urls = [" http://a.example/x#1", "http://a.example/x#2", "HTTP://A.example/x", "tel:+49123"]
    assert [link.url for link in listed(urls)] == ["http://a.example/x#1", "tel:+49123"]


@pytest.mark.parametrize("wrong", ["example.com", "mailto:a@b.c", "ftp://h/x", "http://xn--/"])
def test_a_wrong_address_of_a_page_is_named_with_an_example(wrong: str) -> None:
    with pytest.raises(InputError, match=f"“{wrong}”") as caught:
        page_address(wrong)
    assert "https://example.com" in caught.value.action
