"""Names in the store, and what people take for them."""

from __future__ import annotations

import pytest

from ringback.cli_base import checked_id
from ringback.errors import RingbackError
from ringback.keys import is_job_id, new_job_id, pasted


@pytest.mark.parametrize("around", [(" ", "\n"), ("\u2068", "\u2069"), ("\u200f\u2067", "\u2069 ")])
def test_an_id_counts_as_it_was_copied_from_an_email(around: tuple[str, str]) -> None:
    job_id = new_job_id("ann")
    before, after = around
    assert pasted(f"{before}{job_id}{after}") == job_id
    assert checked_id(f"{before}{job_id}{after}") == job_id


def test_what_stands_within_an_id_is_wrong_all_the_same() -> None:
    job_id = new_job_id("ann")
    broken = f"{job_id[:5]}\u2069{job_id[5:]}"
    assert not is_job_id(pasted(broken))
    with pytest.raises(RingbackError, match="is no job's id"):
        checked_id(broken)
