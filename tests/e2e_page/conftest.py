"""One installation and one browser for all tests of the pages; each person has an own profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Playwright

from gateway.pages import STATIC
from tests.e2e_page.people import AXE, CHROMIUM, FLAGS, Person, with_our_node
from tests.rig import Process, Rig, until

Invite = Callable[[str], Person]


@pytest.fixture(scope="package")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The parts that no test here breaks."""
    built = (STATIC / "index.html").is_file() and AXE.is_file()
    assert built, "the pages aren't built yet, run: make web"
    whole = Rig(tmp_path_factory.mktemp("rig"))
    whole.own["GRACE_PRESENT"] = whole.own["GRACE_ABSENT"]  # nobody waits for who has just left
    whole.own["TEMPLATES"] = str(tmp_path_factory.mktemp("templates"))  # none yet
    try:
        whole.inbox()
        whole.mailer()
        whole.supervisor()
        yield whole
    finally:
        whole.close()


@pytest.fixture(scope="package")
def worker(rig: Rig) -> Process:
    """Takes files and the tests' own jobs."""
    return rig.worker("tasks.csv_import", "tests.jobs", "tests.pipelines")


@pytest.fixture(scope="package")
def gateway(rig: Rig) -> Process:
    """The gateway."""
    return rig.gateway()


@pytest.fixture
def node(gateway: Process, rig: Rig) -> Iterator[Process]:
    """The gateway, for a test that may kill it: it is there again for the next one."""
    yield gateway
    if gateway.popen.poll() is not None:
        gateway.start()
        until(lambda: answers(f"{rig.url}/readyz"), what="gateway ready")


def answers(url: str) -> bool:
    """Whether a gateway serves."""
    try:
        with urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


# Not for the session: as long as it is there, no other test could run an event loop.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Drives browsers."""
    with with_our_node() as driver:
        yield driver


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium."""
    running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield running
    running.close()


@pytest.fixture
def invite(browser: Browser, rig: Rig, worker: Process, node: Process) -> Iterator[Invite]:
    """Makes people, one browser profile each. Afterwards no browser may have complained."""
    people: list[Person] = []
    assert node.popen.poll() is None
    worker.thaw()

    def make(name: str) -> Person:
        people.append(Person(browser.new_context(), rig, name))
        return people[-1]

    yield make
    unexpected = [complaint for person in people for complaint in person.unexpected]
    for person in people:
        person.context.close()
    assert unexpected == []
