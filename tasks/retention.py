"""Forgets jobs that were kept long enough, with the files that they made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import structlog

from ringback import files, store
from ringback.connection import Store
from ringback.errors import JobNotFound
from ringback.job import Job, State
from ringback.keys import partitions

log = structlog.get_logger(__name__)


class Retention:
    """``keep``: for each way to end, how long a job is kept (ms)."""

    def __init__(self, db: Store, keep: Mapping[State, int], data_dir: Path) -> None:
        self._db = db
        self._keep = keep
        self._data_dir = data_dir

    def sweep(self) -> int:
        """Forgets what is over; how many jobs. At most a hundred per partition and state: the
        next sweep goes on."""
        gone = 0
        for partition in partitions():
            for state, keep in self._keep.items():
                for job_id in self._db.do(store.expired(partition, state, keep)):
                    gone += self._forget(job_id)
        if gone:
            log.info("retention.forgotten", jobs=gone)
        return gone

    def _forget(self, job_id: str) -> bool:
        try:
            job = self._db.do(store.load(job_id))
        except JobNotFound:
            return False
        # the files first: who dies in between leaves a job whose links are dead, for one sweep
        self._delete_files(job)
        return self._db.do(store.forget(job))

    def _delete_files(self, job: Job) -> None:
        for link in job.result.links if job.result is not None else ():
            file_id = files.id_of(link.url)
            if file_id is not None and self._db.do(files.forget(file_id, job.id)):
                files.place(self._data_dir, file_id).unlink(missing_ok=True)
