"""``@job``: declares a job type from a function. Nothing is registered and nothing connects."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError, WithJsonSchema, create_model

from ringback import submission
from ringback.catalog import JobType
from ringback.errors import FieldError, InputError, InvalidParams
from ringback.files import File
from ringback.job import Policy
from ringback.plan import Task, undo_of
from ringback.spec import EmailLinks, Severity
from ringback.submission import FILE_FORMAT

JobFunction = Callable[..., Any]
NAME = re.compile(r"[A-Za-z_][\w.-]{0,99}", re.ASCII)

_FILE_SCHEMA = {"type": "string", "format": FILE_FORMAT, "description": "An uploaded file's id"}
_FILE_ID = Annotated[str, WithJsonSchema(_FILE_SCHEMA)]


class DeclaredJob:
    """A job type and the function that does it; calling it calls the function.

    ``undo``: what undoes it in a pipeline. ``offered``: whether it can be submitted by itself.
    """

    def __init__(self, kind: JobType, function: JobFunction, *, offered: bool = True) -> None:
        self.kind = kind
        self.function = function
        self.offered = offered
        self.undo: DeclaredJob | None = None
        self.is_async = inspect.iscoroutinefunction(function)
        params = params_of(function)
        self.file_params = [name for name, hint in params.items() if _is_file(hint)]
        self._adapters = {
            name: TypeAdapter[Any](hint)
            for name, hint in params.items()
            if name not in self.file_params
        }

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def typed(self, params: dict[str, Any]) -> dict[str, Any]:
        """JSON params as the function's annotated types; files stay ids. Raises InputError for one
        that doesn't fit: the type has changed since, or asks for more than a schema can say."""
        return {name: self._typed(name, value) for name, value in params.items()}

    def _typed(self, name: str, value: Any) -> Any:
        if name not in self._adapters:
            return value
        try:
            return self._adapters[name].validate_python(value)
        except ValidationError:  # it quotes the value, which is nobody's but its owner's
            raise InputError(
                f"“{name}” of this job isn't what jobs of this type take.", code="invalid_params",
                action="Submit a new job with what its type asks for.", field=name,
            ) from None  # fmt: skip

    def task(self, **params: Any) -> Task:
        """This job as a step of a pipeline's plan; ``params`` as the function takes them.

        A ``unique_key`` of the job type counts among jobs that are submitted, not among steps.
        Raises InvalidParams.
        """
        wanted = {name: self._plain(name, value) for name, value in params.items()}
        submission.check(self.kind, wanted)
        return Task(
            type=self.kind.name, title=submission.title_of(self.kind.title, params), params=wanted,
            policy=self.kind.policy, undo=self.undo.kind.policy if self.undo else None,
        )  # fmt: skip

    def _plain(self, name: str, value: Any) -> Any:
        """A param as JSON has it."""
        if isinstance(value, File):
            return value.id
        adapter = self._adapters.get(name)
        if adapter is None:
            return value
        try:
            return adapter.dump_python(adapter.validate_python(value), mode="json")
        except ValidationError as error:
            told = "; ".join(fault["msg"] for fault in error.errors())
            raise InvalidParams([FieldError(f"params.{name}", value, told)]) from None

    def compensate(self, function: JobFunction) -> DeclaredJob:
        """Declares what undoes this job in a pipeline with ``on_failure="compensate"``: a function
        of the same params, run as a job of its own (``run.undoes`` is the id of the one to undo).

        It is started again after a crash or a failure that may pass, so doing it twice, or undoing
        what was done in part, has to be harmless. Raises TypeError for other params.
        """
        if params_of(function).keys() != params_of(self.function).keys():
            raise TypeError(f"{function.__qualname__} must take the params of {self.kind.name}")
        policy = replace(
            self.kind.policy, idempotent=True, cancellable=False, steps=None,
            cancel_warning="What was begun is being undone.",
        )  # fmt: skip
        kind = replace(
            self.kind, name=undo_of(self.kind.name), policy=policy, unique_key=None,
            description=inspect.getdoc(function) or "",
        )  # fmt: skip
        self.undo = DeclaredJob(kind, function, offered=False)
        return self.undo


def job(
    name: str,
    *,
    title: str | None = None,
    idempotent: bool = False,
    max_attempts: int = 5,
    unit: str = "items",
    steps: int | None = None,
    resume: bool = True,
    backoff: tuple[float, float] = (1, 300),
    timeout: float | None = None,
    start_within: float = 7 * 86_400,
    stall_after: float = 120,
    cancellable: bool = True,
    cancel_warning: str | None = None,
    cancel_within: float = 30,
    unique_key: str | None = None,
    receipt: Literal["pong", "seen"] = "pong",
    severity: Severity = "normal",
    email_links: EmailLinks = "page",
    grace_absent: float | None = None,
    grace_present: float | None = None,
) -> Callable[[JobFunction], DeclaredJob]:
    """Declares a job type. Its name is also the name of its queue, so that a worker hears only of
    jobs that it can do: ``def import_csv(run: Run, *, file: File, table: str) -> Result``.

    Times are seconds.

    ``title`` may name params (``"Import of {file.name}"``). ``steps``: how many ``run.step`` there
    are, if fixed.

    ``idempotent``: it may be run again: after a crash, after a failure that may pass (up to
    ``max_attempts``, with waits that grow within ``backoff``), and when the user wants it.
    ``resume``: a later attempt goes on after the items that are finished; False where what was
    done is lost with the attempt. ``timeout``: from the first start to the end, all attempts
    together. ``start_within``: how long it may wait for a worker. ``stall_after``: how long it
    may tell no news before the user is told so.

    ``cancellable``: users may stop it; ``cancel_warning`` says beforehand what that leaves, or why
    it can't be stopped; a cancel that takes longer than ``cancel_within`` is shown as such.
    ``unique_key``: like a title; an owner can have one unfinished job of this type with the same.

    ``grace_*``: how long an email waits for a receipt. ``receipt="seen"``: only an explicit
    ``seen`` from the app counts as one.

    ``email_links="signed"``: links to files lead from an email straight to the file, for seven days
    and for whoever has the email; else to the job's page, behind the sign-in.

    ``severity="high"``: where it fails, in whole or in part, its user has to know at once. The
    email goes out alone and waits for the grace only; the page stands still until the user says
    that they have read it.

    Raises ValueError for a name with other characters than letters, digits, ``.``, ``_`` and
    ``-``, and for another severity or ``email_links``, TypeError for a signature that can't take
    params.
    """

    check_name(name)
    check_one_of(Severity, "severity", severity)
    check_one_of(EmailLinks, "email_links", email_links)

    def declare(function: JobFunction) -> DeclaredJob:
        kind = JobType(
            name=name,
            title=title or name,
            description=inspect.getdoc(function) or "",
            params=schema_of(name, function),
            unique_key=unique_key,
            policy=Policy(
                unit=unit, steps=steps, idempotent=idempotent, resume=resume,
                max_attempts=max_attempts, receipt=receipt, severity=severity,
                email_links=email_links,
                backoff_base=round(backoff[0] * 1000), backoff_cap=round(backoff[1] * 1000),
                timeout=milliseconds(timeout), start_within=round(start_within * 1000),
                stall_after=round(stall_after * 1000), cancellable=cancellable,
                cancel_warning=cancel_warning, cancel_within=round(cancel_within * 1000),
                grace_absent=milliseconds(grace_absent),
                grace_present=milliseconds(grace_present),
            ),
        )  # fmt: skip
        return DeclaredJob(kind, function)

    return declare


def check_name(name: str) -> None:
    """Raises ValueError for what can't be a job type's name."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} can't be a job type's name: use letters, digits, '.', '_', '-'")


def check_one_of(words: Any, name: str, value: str) -> None:
    """Raises ValueError for a value of the argument ``name`` that isn't one of a Literal's."""
    known = typing.get_args(words)
    if value not in known:
        raise ValueError(f"{name} is {value!r}: use {' or '.join(map(repr, known))}")


def milliseconds(seconds: float | None) -> int | None:
    """Seconds, where there are any, as ms."""
    return None if seconds is None else round(seconds * 1000)


def params_of(function: JobFunction) -> dict[str, Any]:
    """The params with their types; all but a first ``run`` (which a pipeline doesn't have) have to
    be keyword-only. Raises TypeError."""
    hints = typing.get_type_hints(function, include_extras=True)
    params = list(inspect.signature(function).parameters.values())
    if params and params[0].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
        del params[0]
    for param in params:
        if param.kind is not inspect.Parameter.KEYWORD_ONLY or param.name not in hints:
            raise TypeError(
                f"{function.__qualname__}: {param.name!r} must be keyword-only and annotated, "
                "as in def my_job(run, *, table: str)"
            )
    return {param.name: hints[param.name] for param in params}


def schema_of(name: str, function: JobFunction) -> dict[str, Any]:
    """The params as a JSON Schema."""
    signature = inspect.signature(function).parameters
    fields: dict[str, Any] = {
        param: (_with_file_ids(hint), _default(signature[param]))
        for param, hint in params_of(function).items()
    }
    model = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
    schema: dict[str, Any] = model.model_json_schema()
    return schema


def _default(parameter: inspect.Parameter) -> Any:
    return ... if parameter.default is inspect.Parameter.empty else parameter.default


def _is_file(hint: Any) -> bool:
    return hint is File or File in typing.get_args(hint)


def _with_file_ids(hint: Any) -> Any:
    if hint is File:
        return _FILE_ID
    return _FILE_ID | None if _is_file(hint) else hint
