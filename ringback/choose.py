"""What users choose of emails: saved, and heard by their jobs."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ringback import outbox, preferences, store
from ringback.errors import JobNotFound, StoreUnavailable
from ringback.keys import Call, key, partition_of, plain
from ringback.notice import EmailChoice
from ringback.preferences import Preferences, TypePreferences

Edit = Callable[[Preferences], Preferences]


def change(user: str, edit: Edit) -> Generator[Call, Any, Preferences]:
    """Applies ``edit`` to the newest preferences of a user, durably. Then the user's unfinished
    jobs and open notices hear of it: what waits for quiet hours or a window that are no more, is
    looked at again. Safe to repeat where the answer got lost.
    """
    for _ in range(store.CONFLICTS):
        before = yield from preferences.text_of(user)
        after = edit(preferences.decode(before))
        if (yield from preferences.replace(user, before, after)):
            break
    else:
        raise StoreUnavailable(f"The preferences of {user} change too fast.")
    yield from _heard(user, after)
    return after


def _heard(user: str, after: Preferences) -> Generator[Call, Any, None]:
    yield from outbox.free(user)
    active = yield plain("SMEMBERS", key(partition_of(user), "active", user))
    jobs = {job_id.decode() for job_id in active} | set((yield from outbox.waiting(user)))
    for job_id in sorted(jobs):
        with suppress(JobNotFound):
            yield from store.update(job_id, lambda job: job.chosen(after.choice(job.spec.type)))


def unsubscribed(job_type: str | None) -> Edit:
    """No more emails about jobs of a type, or (None) about any job."""
    if job_type is None:
        return lambda wanted: replace(wanted, email="never", types=_without_choices(wanted))
    return lambda wanted: _with_choice(wanted, job_type, "never")


def resubscribed(job_type: str | None) -> Edit:
    """Emails again about jobs of a type, or (None) about all jobs: those that nobody saw end."""
    if job_type is None:
        return lambda wanted: replace(wanted, email="fallback", types=_without_choices(wanted))
    return lambda wanted: _with_choice(wanted, job_type, "fallback")


def _with_choice(wanted: Preferences, job_type: str, choice: EmailChoice) -> Preferences:
    own = replace(wanted.types.get(job_type, TypePreferences()), email=choice)
    return replace(wanted, types={**wanted.types, job_type: own})


def _without_choices(wanted: Preferences) -> dict[str, TypePreferences]:
    # a choice for one type would outlive the one for all
    kept = {name: replace(own, email=None) for name, own in wanted.types.items()}
    return {name: own for name, own in kept.items() if own != TypePreferences()}
