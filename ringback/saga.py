"""How a pipeline's own job follows its steps: what it shows, and how it ends.

Pure, like ``job``: the changes are ``Job -> Job``. A pipeline's job is running from its plan to
its end without an attempt; every change of it comes from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ringback.ending import NAMED, Ending, listed, of
from ringback.failure import Failure, stopped_with_pipeline
from ringback.instant import NOW
from ringback.job import Counts, Job, Problem, Progress, Result, State, Step
from ringback.plan import Child, Course, Next, Part

News = Mapping[Part, Child]

PROBLEMS = 50  #: different problems shown
EXAMPLES = 5  #: shown per problem
WAITING = "Waiting for a free worker"


def child_of(job: Job) -> Child:
    """A step's job as its pipeline keeps it."""
    return Child(
        id=job.id, type=job.spec.type, title=job.spec.title, state=job.state, version=job.version,
        message=_message(job), counts=job.counts, problems=job.problems, attempt=job.attempt,
        attempts=job.spec.policy.max_attempts, next_at=job.next_at, reason=job.reason,
        error=job.error, summary=job.result.summary if job.result else "",
        links=job.result.links if job.result else (), silent=job.silent,
        finished_at=job.finished_at,
    )  # fmt: skip


def _message(job: Job) -> str:
    if job.state is State.QUEUED:
        return job.reason or (job.place.reason if job.place else WAITING)
    return job.reason or job.message if job.state is State.RETRYING else job.message


def next_of(job: Job) -> Next:
    """What is to be done for a pipeline now. One that was ended by force has jobs to stop."""
    course, on_failure = job.course, job.spec.policy.on_failure
    if course is None or on_failure is None:
        return Next()
    if job.state.terminal:
        return Next(stop=course.active)
    return course.following(on_failure, job.state is State.CANCELLING)


def moved(job: Job, news: News) -> Job:
    """The pipeline's job after news of its steps, with what is to begin next decided on, or ended
    where that was the last; no change where nothing is new.

    This is the decision: jobs are submitted once it is written, and nobody else can have decided
    otherwise then.
    """
    if job.course is None or job.state.terminal:
        return job
    course = job.course.told(news)
    todo = next_of(replace(job, course=course))
    course = course.begun(todo.start, job.id)
    if todo.over:
        end = Ending.of(job, course)
        whole = replace(job, **_shown(course))
        return whole.concluded(end.state(), Result(end.summary(), end.links), end.error())
    changes = {**_shown(course), **_under_way(course)}
    if all(getattr(job, name) == value for name, value in changes.items()):
        return job
    return replace(job, updated_at=NOW, **changes)


def halted(child: Job, pipeline: Job) -> Job:
    """A step's job, stopped with its pipeline: at once where the time is over or support forces
    it, else as if its user had asked; what can't be cancelled runs on."""
    assert pipeline.course is not None
    if child.state.terminal:
        return child
    if pipeline.course.expired is not None:
        ended = child.state is State.CANCELLING
        return child.stopped() if ended else child.failed(stopped_with_pipeline(child.id))
    if not child.spec.policy.cancellable:
        return child
    by = pipeline.cancel.by if pipeline.cancel else "support"
    why = pipeline.cancel.why if pipeline.cancel else ""
    asked = child.cancel_requested(by, why)
    forced = pipeline.cancel is not None and pipeline.cancel.forced
    return asked.forced("support", why) if forced and not asked.state.terminal else asked


def lost(child: Child) -> Child:
    """A job that the store has no more: nobody will ever tell how it ended."""
    error = Failure(
        code="lost", category="system", message="What became of this step was lost.",
        action="Our team sees this with its reference. Check what was saved.", ref=child.id,
    )  # fmt: skip
    return replace(child, state=State.FAILED, version=child.version + 1, error=error)


# -- what it shows


def _shown(course: Course) -> dict[str, Any]:
    children = [child for _, child in course.started()]
    over, fine = sum(child.over for child in children), len(course.fine)
    return {
        "course": course,
        "progress": Progress(over, len(course.tasks)),
        "counts": _sum(child.counts for child in children),
        "problems": _merged(p for child in children for p in child.problems),
        "kept": f"{of(fine, course)} {'was' if fine == 1 else 'were'} done, and what they did is "
        "kept." if fine else "No step was finished.",
    }  # fmt: skip


def _under_way(course: Course) -> dict[str, Any]:
    active = [(part, child) for part in course.active if (child := course.at(part)) is not None]
    return {
        "step": _step(course, active),
        "message": "; ".join(_told(p, child, len(active)) for p, child in active[:NAMED]),
        "silent": max((child.silent for _, child in active), default=0),
    }


def _step(course: Course, active: Sequence[tuple[Part, Child]]) -> Step | None:
    if not active:
        return None
    first, titles = active[0][0], [child.title for _, child in active]
    more = len(titles) - NAMED
    named = titles if more <= 0 else [*titles[:NAMED], f"{more} more"]
    cancellable = all(not p.undo and course.tasks[p.number].policy.cancellable for p, _ in active)
    return Step(first.number + 1, len(course.tasks), listed(named), cancellable)


def _told(part: Part, child: Child, together: int) -> str:
    if together == 1 and not part.undo:
        return child.message or child.title
    return f"{child.title}: {child.message}" if child.message else child.title


def _sum(counts: Iterable[Counts]) -> Counts:
    total = Counts()
    for c in counts:
        total = Counts(
            total.succeeded + c.succeeded, total.failed + c.failed, total.skipped + c.skipped
        )
    return total


def _merged(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    found: dict[tuple[str, ...], Problem] = {}
    for p in problems:
        same = (p.outcome, p.code, p.many, p.action)
        found[same] = _added(found[same], p) if same in found else p
    ranked = sorted(found.values(), key=lambda p: (p.outcome != "failed", -p.count))
    return tuple(ranked[:PROBLEMS])


def _added(known: Problem, more: Problem) -> Problem:
    examples = (known.examples + more.examples)[:EXAMPLES]
    return replace(known, count=known.count + more.count, examples=examples)
