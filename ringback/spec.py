"""What was asked for, by whom, and what the job type promises: all of a job that never changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ringback.estimate import Estimate

Scope = Literal["all", "failed"]
OnFailure = Literal["stop", "continue", "compensate"]
Severity = Literal["normal", "high"]
EmailLinks = Literal["page", "signed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose job it is, and where and how to write to them."""

    id: str
    email: str | None = None
    name: str | None = None
    locale: str = "en"
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a job type promises and wants; copied onto each job when it is submitted.

    Times are milliseconds. ``grace_*`` None: the installation's setting.
    """

    unit: str = "items"
    steps: int | None = None
    idempotent: bool = False  #: may be started again after it was begun
    resume: bool = True  #: a later attempt goes on after the items that are done
    max_attempts: int = 5
    backoff_base: int = 1_000
    backoff_cap: int = 300_000
    timeout: int | None = None  #: from the first start to the end, all attempts and waits
    start_within: int = 7 * 86_400_000  #: how long it may wait for a worker
    stall_after: int = 120_000  #: without any news while it runs
    cancellable: bool = True
    cancel_warning: str | None = None  #: what a cancel leaves, said before
    cancel_within: int = 30_000  #: a cancel that takes longer is shown, and may be forced
    receipt: Literal["pong", "seen"] = "pong"
    on_failure: OnFailure | None = None  #: of pipelines: what a failed step means for the others
    severity: Severity = "normal"  #: high: its failures have consequences that can't wait
    email_links: EmailLinks = "page"  #: signed: to files without a sign-in, for seven days
    grace_absent: int | None = None
    grace_present: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What was asked for; never changes.

    ``unique``: names that only one unfinished job of the owner may bear. ``estimate``: how long
    jobs of this type took lately. ``parent``: the pipeline whose step this is; ``undoes``: the
    step that this one is to undo.
    """

    id: str
    type: str
    title: str
    owner: Owner
    params: Mapping[str, Any] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    unique: tuple[str, ...] = ()
    estimate: Estimate | None = None
    retry_of: str | None = None
    root: str | None = None  #: the first of a line of retries
    scope: Scope = "all"  #: of a retry: everything, or the failed items only
    items_of: str | None = None  #: the job whose failed items are all that is to be done
    parent: str | None = None
    undoes: str | None = None
