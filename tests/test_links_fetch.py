"""What becomes of an address: real requests to a real site with moods."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ringback.guard import is_public
from tasks.links_fetch import PATIENCE, PER_HOST, Fetcher, web_address
from tasks.links_problem import Unfit
from tasks.retry_after import seconds_of
from tests.links_site import Site, self_signed
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


async def fault(fetcher: Fetcher, address: str) -> tuple[str, str]:
    """The code of what is wrong with an address, and the detail."""
    with pytest.raises(Unfit) as caught:
        await fetcher.check(address)
    return caught.value.problem.code, caught.value.detail


async def test_a_page_that_answers_is_fine_and_only_its_head_is_fetched(
    fetcher: Fetcher, site: Site
) -> None:
    await fetcher.check(site.url("/fine"))
    assert dict(site.asked) == {"HEAD /fine": 1}


@pytest.mark.parametrize("mood", ["no-head", "wrong-head", "broken-head", "hiccup", "wait"])
async def test_get_and_patience_find_what_head_or_a_first_try_missed(
    mood: str, fetcher: Fetcher, site: Site
) -> None:
    await fetcher.check(site.url(f"/{mood}"))
    assert dict(site.asked) == {f"HEAD /{mood}": 1, f"GET /{mood}": 1}


@pytest.mark.parametrize(
    ("path", "code", "detail"),
    [
        ("/missing", "not_found", "404 Not Found"),
        ("/gone", "not_found", "410 Gone"),
        ("/members", "sign_in", "401 Unauthorized"),
        ("/teapot", "turned_down", "418 I'm a Teapot"),
        ("/broken", "server_error", "500 Internal Server Error"),
        ("/busy", "server_error", "503 Service Unavailable"),
        ("/much-later", "site_busy", "429 Too Many Requests, asks to wait 600 seconds"),
        ("/reset", "unreachable", "the connection broke off"),
        ("/loop", "redirect_loop", "more than 10 redirects"),
        ("/to?at=mailto:ann@example.com", "not_web", "not a web address"),
        ("/to?at=http://[", "bad_address", "redirected to what isn't a valid address"),
    ],
)
async def test_what_is_wrong_is_told(
    path: str, code: str, detail: str, fetcher: Fetcher, site: Site
) -> None:
    assert await fault(fetcher, site.url(path)) == (code, detail)


async def test_a_busy_site_is_asked_three_times_at_most(fetcher: Fetcher, site: Site) -> None:
    await fault(fetcher, site.url("/busy"))
    assert site.times("/busy") == 3
    await fault(fetcher, site.url("/much-later"))
    assert site.times("/much-later") == 1


@pytest.mark.parametrize("path", ["/to?at=/fine", "/to?at=fine%23part", "/nowhere", "/big-header"])
async def test_redirects_are_followed_and_odd_heads_accepted(
    path: str, fetcher: Fetcher, site: Site
) -> None:
    await fetcher.check(site.url(path))


async def test_a_slow_page_counts_as_no_answer(site: Site) -> None:
    async with Fetcher(timeout=0.2, private=True) as fetcher:
        assert await fault(fetcher, site.url("/slow")) == (
            "timeout",
            "no answer within 0.2 seconds",
        )


async def test_a_port_where_nobody_listens_is_unreachable(fetcher: Fetcher) -> None:
    address = f"http://127.0.0.1:{free_port()}/"
    assert await fault(fetcher, address) == ("unreachable", "the connection was refused")


async def test_a_host_without_an_address_is_told_as_such(fetcher: Fetcher) -> None:
    code, detail = await fault(fetcher, "http://nobody.invalid/")
    # without any name server, the system says "not now" instead of "no"
    assert code in ("no_host", "lookup_failed")
    assert "nobody.invalid" in detail


async def test_an_untrusted_certificate_is_told_with_the_reason(
    fetcher: Fetcher, tmp_path: Path
) -> None:
    site = Site(self_signed(tmp_path))
    try:
        assert await fault(fetcher, site.url()) == ("insecure", "self-signed certificate")
    finally:
        site.close()


async def test_https_to_a_site_without_it_is_told(fetcher: Fetcher, site: Site) -> None:
    code, _ = await fault(fetcher, site.url().replace("http:", "https:"))
    assert code == "insecure"


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{}/", "http://localhost:{}/", "http://[::ffff:127.0.0.1]:{}/"]
)
async def test_private_addresses_are_never_connected_to(address: str, site: Site) -> None:
    async with Fetcher(timeout=5, private=False) as fetcher:
        code, detail = await fault(fetcher, address.format(site.port))
    assert (code, detail) == ("private_address", "leads to a private address")
    assert not site.asked


@pytest.mark.parametrize("spelling", ["2130706433", "127.1", "0x7f.0.0.1", "0177.0.0.1"])
async def test_other_spellings_of_loopback_lead_nowhere(spelling: str, site: Site) -> None:
    async with Fetcher(timeout=5, private=False) as fetcher:
        code, _ = await fault(fetcher, f"http://{spelling}:{site.port}/fine")
    assert code in ("private_address", "bad_address")
    assert not site.asked


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("64:ff9b::808:808", True),
        ("127.0.0.1", False), ("10.0.0.1", False), ("169.254.169.254", False), ("0.0.0.0", False),
        ("100.64.0.1", False), ("224.0.0.1", False), ("255.255.255.255", False), ("::1", False),
        ("fe80::1%eth0", False), ("fd00::1", False), ("ff02::1", False), ("fec0::1", False),
        ("::ffff:10.0.0.1", False), ("64:ff9b::a00:1", False), ("2002:a00:1::", False),
        ("::127.0.0.1", False), ("127.1", False), ("", False),
    ],
)  # fmt: skip
def test_only_addresses_of_the_internet_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


async def test_a_host_is_asked_by_few_at_once(fetcher: Fetcher, site: Site) -> None:
    await asyncio.gather(*(fetcher.check(site.url(f"/tally/{i}")) for i in range(24)))
    assert site.most == PER_HOST


async def test_a_host_that_keeps_failing_is_not_asked_any_more(site: Site) -> None:
    async with Fetcher(timeout=0.1, private=True) as fetcher:
        links = [site.url(f"/slow/{i}") for i in range(PATIENCE + 2 * PER_HOST)]
        codes = [code for code, _ in await asyncio.gather(*(fault(fetcher, x) for x in links))]
    assert codes.count("given_up") >= PER_HOST
    assert set(codes) == {"given_up", "timeout"}


async def test_a_cancelled_check_ends_at_once(fetcher: Fetcher, site: Site) -> None:
    checking = asyncio.create_task(fetcher.check(site.url("/slow")))
    while not site.times("/slow"):  # noqa: ASYNC110 (the site lives in another thread)
        await asyncio.sleep(0.01)
    checking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await checking


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("120", 120.0), ("0", 0.0), ("9" * 5000, 999_999_999.0), ("soon", None), ("", None),
        ("-5", None), ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(told: str, seconds: float | None) -> None:
    assert seconds_of(told) == seconds


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("example.com", "bad_address"), ("/page", "bad_address"), ("http://", "bad_address"),
        ("http://h:99999/", "bad_address"), ("http://[bad", "bad_address"), ("", "bad_address"),
        ("http://[::1", "bad_address"), ("http://xn--/", "bad_address"),
        ("http://xn--a/", "bad_address"), ("http://a..b/", "bad_address"),
        (f"http://{'a' * 64}.example/", "bad_address"), ("localhost:8000/x", "bad_address"),
        ("mailto:a@b.c", "not_web"), ("tel:112", "not_web"),
        ("javascript:void(0)", "not_web"), ("tel:123", "not_web"),
    ],
)  # fmt: skip
def test_what_is_no_web_address_is_told(text: str, code: str) -> None:
    with pytest.raises(Unfit) as caught:
        web_address(text)
    assert caught.value.problem.code == code
