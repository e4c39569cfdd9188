"""A worker process: Dramatiq's threads hear the doorbells, the store decides what runs."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import dramatiq
import structlog

from ringback import catalog, doorbell, floor, signals
from ringback.attempt import Attempts
from ringback.client import ring
from ringback.connection import Store
from ringback.declare import DeclaredJob
from ringback.errors import SettingsError
from ringback.keeper import Keeper
from ringback.settings import Settings

log = structlog.get_logger(__name__)

POLL = 100  #: ms; Dramatiq's longest nap between two looks at an empty queue
STOP_WITHIN = 25_000  #: ms; attempts that reach no checkpoint by then are put back by their lease


@dataclass(frozen=True, slots=True)
class Actor:
    """A product's own Dramatiq actor: ``make(settings, store, closing)`` gives the function to
    call; ``closing`` is for what has to end with the process."""

    name: str
    queue: str
    make: Callable[[Settings, Store, ExitStack], Callable[[str], None]]


@dataclass(slots=True)
class Declared:
    """What a worker's modules declare."""

    jobs: dict[str, DeclaredJob] = field(default_factory=dict)
    actors: dict[str, Actor] = field(default_factory=dict)

    def collect(self, module: ModuleType) -> None:
        """Adds a module's jobs and actors. Raises SettingsError for a name that is taken."""
        for thing in vars(module).values():
            if isinstance(thing, DeclaredJob):
                self._add(self.jobs, thing.kind.name, thing)
                if thing.undo is not None:
                    self._add(self.jobs, thing.undo.kind.name, thing.undo)
            elif isinstance(thing, Actor):
                self._add(self.actors, thing.name, thing)

    @staticmethod
    def _add(known: dict[str, Any], name: str, thing: Any) -> None:
        if known.setdefault(name, thing) is not thing:
            raise SettingsError(f"Two job functions are named {name!r}; names must be unique.")


def collect(modules: Sequence[str]) -> Declared:
    """Imports modules and gathers what they declare. Raises SettingsError that names the module."""
    declared = Declared()
    for name in modules:
        try:
            declared.collect(importlib.import_module(name))
        except ModuleNotFoundError as error:
            raise SettingsError(
                f"The module {name!r} can't be imported: {error}. Give the dotted name of a module "
                "with @job functions, and run where Python finds it."
            ) from None
    if not (declared.jobs or declared.actors):
        raise SettingsError(f"No @job function in {', '.join(modules)}.")
    return declared


def work(settings: Settings, modules: Sequence[str]) -> None:
    """Works until SIGTERM or SIGINT; then attempts stop at their next checkpoint and go back to
    the queue."""
    declared = collect(modules)
    asyncio.run(floor.check(settings))
    db = Store(settings.store)
    offered = [job.kind for job in declared.jobs.values() if job.offered]
    db.do(catalog.declare(offered), patience=60)
    keeper = Keeper(db, sorted(declared.jobs), settings.threads)
    broker = doorbell.new_broker(settings.broker)
    doorbells = doorbell.Doorbells(broker)
    attempts = Attempts(
        db, keeper, settings.defaults.data_dir, declared.jobs, lambda job: ring(doorbells, job)
    )
    closing = ExitStack()
    _declare_actors(broker, declared, attempts, settings, db, closing)
    worker = dramatiq.Worker(broker, worker_threads=settings.threads, worker_timeout=POLL)
    worker.queue_prefetch = settings.threads  # a dead worker's prefetched rings are late rings
    signals.block()
    keeper.start()
    worker.start()
    log.info("worker.ready", jobs=sorted(declared.jobs), actors=sorted(declared.actors))
    signals.wait()
    keeper.drain()
    worker.stop(timeout=STOP_WITHIN)
    for job in attempts.handed_back:  # not earlier: this worker would hear the rings itself
        ring(doorbells, job)
    closing.close()
    keeper.stop()
    log.info("worker.stopped")


def _declare_actors(
    broker: dramatiq.Broker, declared: Declared, attempts: Attempts, settings: Settings, db: Store,
    closing: ExitStack,
) -> None:  # fmt: skip
    for actor in declared.actors.values():
        function = actor.make(settings, db, closing)
        dramatiq.actor(actor_name=actor.name, queue_name=actor.queue, broker=broker)(function)
    queues = sorted(declared.jobs)
    if queues:
        hear = dramatiq.actor(actor_name=doorbell.RUN, queue_name=queues[0], broker=broker)
        hear(attempts.run)
    for queue in queues:
        broker.declare_queue(queue)


def exit_now(status: int) -> None:
    """Ends the process although threads that never reach a checkpoint still run."""
    os._exit(status)
