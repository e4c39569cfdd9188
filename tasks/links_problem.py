"""What can be wrong with a link, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Problem:
    """Told for many links (``{count}``) and for one."""

    code: str
    outcome: Literal["failed", "skipped"]
    message: str
    one: str
    action: str


class Unfit(Exception):
    """An address that doesn't lead where it should: the problem it counts under, and what exactly
    was found ("404 Not Found")."""

    def __init__(self, problem: Problem, detail: str) -> None:
        super().__init__(f"{problem.code}: {detail}")
        self.problem = problem
        self.detail = detail


NOT_FOUND = Problem(
    "not_found",
    "failed",
    "{count} links lead to pages that don't exist",
    "1 link leads to a page that doesn't exist",
    "Correct the address or remove the link",
)
TURNED_DOWN = Problem(
    "turned_down",
    "failed",
    "{count} links are turned down by their sites",
    "1 link is turned down by its site",
    "Open it in a browser; if it doesn't open there either, correct or remove it",
)
SERVER_ERROR = Problem(
    "server_error",
    "failed",
    "{count} links lead to sites that answer with a fault of their own",
    "1 link leads to a site that answers with a fault of its own",
    "Check the failed links again in an hour; if the site still fails, tell its owner",
)
BUSY = Problem(
    "site_busy",
    "failed",
    "{count} links lead to sites that were too busy to answer",
    "1 link leads to a site that was too busy to answer",
    "Check the failed links again in an hour",
)
TIMEOUT = Problem(
    "timeout",
    "failed",
    "{count} links didn't answer in time",
    "1 link didn't answer in time",
    "Open it in a browser; if it is only slow, check again with more seconds for each link",
)
NO_HOST = Problem(
    "no_host",
    "failed",
    "{count} links lead to sites that don't exist",
    "1 link leads to a site that doesn't exist",
    "Check the spelling of the site's name, or remove the link",
)
LOOKUP = Problem(
    "lookup_failed",
    "failed",
    "{count} links lead to sites whose address couldn't be looked up",
    "1 link leads to a site whose address couldn't be looked up",
    "Check the failed links again in an hour; if it goes on, the site's name servers don't work",
)
UNREACHABLE = Problem(
    "unreachable",
    "failed",
    "{count} links lead to sites that can't be reached",
    "1 link leads to a site that can't be reached",
    "Open it in a browser; if it doesn't open there either, remove it or tell the site's owner",
)
TLS = Problem(
    "insecure",
    "failed",
    "{count} links lead to sites without a valid secure connection",
    "1 link leads to a site without a valid secure connection",
    "Browsers warn of it; tell the site's owner, or remove the link",
)
REDIRECTS = Problem(
    "redirect_loop",
    "failed",
    "{count} links are redirected on and on",
    "1 link is redirected on and on",
    "Link to the page where it should end",
)
BAD_ADDRESS = Problem(
    "bad_address",
    "failed",
    "{count} links aren't valid web addresses",
    "1 link isn't a valid web address",
    "Write the whole address, for example https://example.com/page",
)
BAD_ANSWER = Problem(
    "bad_answer",
    "failed",
    "{count} links got an answer that isn't proper HTTP",
    "1 link got an answer that isn't proper HTTP",
    "Open it in a browser; if it doesn't open there either, tell the site's owner",
)
GIVEN_UP = Problem(
    "given_up",
    "failed",
    "{count} links weren't tried because their site had failed many times in a row",
    "1 link wasn't tried because its site had failed many times in a row",
    "Check the failed links again once the site works",
)
SIGN_IN = Problem(
    "sign_in",
    "skipped",
    "{count} links need a sign-in and couldn't be checked",
    "1 link needs a sign-in and couldn't be checked",
    "Open it in a browser where you are signed in",
)
NOT_WEB = Problem(
    "not_web",
    "skipped",
    "{count} links don't lead to the web, so there was nothing to check",
    "1 link doesn't lead to the web, so there was nothing to check",
    "",
)
PRIVATE = Problem(
    "private_address",
    "skipped",
    "{count} links lead to a private address and couldn't be checked from here",
    "1 link leads to a private address and couldn't be checked from here",
    "Open it in a browser inside that network",
)
