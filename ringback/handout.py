"""Links in emails that lead to a job's file without signing in, for job types that say so.

A link names one file of one job and when it ends, seven days after the email, and is signed.
Whoever has the email has the file until then: that is what the author of its type chose, by
``email_links="signed"``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from ringback import files
from ringback.job import Job
from ringback.seal import Seal

PURPOSE = b"ringback handout 1"  #: keeps this key apart from others of the same secret
PATH = "/d/"
GOOD_FOR = 7 * 86_400  #: seconds


@dataclass(frozen=True, slots=True)
class Handout:
    """A file of a job, to be had until ``ends`` (seconds since 1970)."""

    job: str
    file: str
    ends: int


class Handouts:
    """Writes and reads such links. ``public_url``: where the gateway is."""

    def __init__(self, secret: str, public_url: str) -> None:
        self._seal = Seal(secret, PURPOSE)
        self._base = f"{public_url.rstrip('/')}{PATH}"

    def url(self, handout: Handout) -> str:
        """The link."""
        text = orjson.dumps([handout.job, handout.file, handout.ends])
        return f"{self._base}{self._seal.close(text)}"

    def read(self, token: str) -> Handout | None:
        """What the link's last part says, ended or not; None where we haven't written it."""
        text = self._seal.open(token)
        return None if text is None else Handout(*orjson.loads(text))

    def signed(self, job: Job, view: dict[str, Any], now: int) -> dict[str, Any]:
        """The view as an email tells it ``now`` (ms since 1970): where the job's type wants that,
        its links to files need no sign-in."""
        result = view.get("result")
        if job.spec.policy.email_links != "signed" or not result:
            return view
        ends = now // 1000 + GOOD_FOR
        links = [{**link, "url": self._signed(job, link["url"], ends)} for link in result["links"]]
        return {**view, "result": {**result, "links": links}}

    def _signed(self, job: Job, url: str, ends: int) -> str:
        file = files.id_of(url)
        return url if file is None else self.url(Handout(job.id, file, ends))
