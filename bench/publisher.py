"""Makes events at a steady rate: ``python -m bench.publisher PLAN``.

Open loop: an event that is late doesn't move the later ones. Each carries the moment its commit
began (CLOCK_MONOTONIC, the same for all processes of a machine) in the job's message.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import orjson

from bench import people
from ringback import store
from ringback.connection import Store


def main() -> None:
    """Commits ``plan["events"]`` progress changes, in turn over ``plan["jobs"]``."""
    plan = orjson.loads(Path(sys.argv[1]).read_bytes())
    db = Store(plan["store"])
    jobs = [db.do(store.load(job_id)) for job_id in plan["jobs"]]
    begin, late = time.monotonic(), 0.0
    for number in range(plan["events"]):
        wait = begin + number / plan["rate"] - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        late = max(late, -wait)
        place = number % len(jobs)
        jobs[place] = people.commit(db, jobs[place], number, f"{number} {time.monotonic_ns()}")
    took = time.monotonic() - begin
    print(orjson.dumps({"rate": plan["events"] / took, "late": late}).decode(), flush=True)


if __name__ == "__main__":
    main()
