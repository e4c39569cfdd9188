"""The wire shapes of the studio, where authors write the copy of emails."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.models import (
    Answer,
    EditionView,
    EmailView,
    FindingView,
    Fix,
    KnownJobId,
    Moment,
    Query,
    Reason,
    Request,
)
from gateway.preferences import Locale, Zone

Number = Annotated[int, Field(ge=0, le=1 << 53), Fix("must be a revision's number")]
Files = Annotated[
    dict[str, str],
    Field(max_length=100, examples=[{"subject.txt": "{{ job.subject }}"}],
          description="texts by the file's name; what is left out is as in the copy below"),
]  # fmt: skip
Origin = Literal["built-in", "folder", "published", "inherited"]


class MessageRow(Answer):
    """A message, or its copy for one type of jobs. ``origin``: whose copy counts."""

    name: str = Field(examples=["partial.csv.import"])
    about: str = Field(examples=["partial"])
    type: str | None
    purpose: str
    sent_when: str
    origin: Origin
    revision: int | None
    published_at: Moment | None
    published_by: str | None
    errors: int
    warnings: int


class Messages(Answer):
    """``can_save``: files can be saved to the installation's own folder (in development)."""

    messages: list[MessageRow]
    locales: list[str]
    can_save: bool
    can_publish: bool


class VariableView(Answer):
    """What copy can be written with. ``required``: it always has a value."""

    name: str
    type: str
    meaning: str
    example: str
    required: bool


class MessageView(Answer):
    """A message whole: the ``files`` that count, of which ``own`` aren't from the copy below;
    ``built_in``: what came with Ringback, null where that has no message of this name; ``newest``:
    the ``base`` of the next publication."""

    name: str
    about: str
    type: str | None
    origin: Origin
    revision: int | None
    newest: int
    files: dict[str, str]
    own: list[str]
    below: dict[str, str] = Field(description="what counts where nothing is published")
    built_in: dict[str, str] | None
    variables: list[VariableView]
    fixtures: list[str]
    findings: list[FindingView]
    revisions: list[EditionView] = Field(description="newest first")


class RevisionView(EditionView):
    """A revision with the files of its own."""

    name: str
    files: dict[str, str]


class RenderRequest(Request):
    """What to write. Without ``files`` the copy that counts; else a draft of all files that it has
    of its own, the rest as below. With a ``fixture``, or an ended ``job``."""

    name: str
    files: Files | None = None
    fixture: Annotated[str, Field(max_length=100, examples=["typical"])] | None = None
    job: KnownJobId | None = None
    locale: Locale | None = None
    timezone: Zone | None = None


class ProofView(Answer):
    """A draft as it would be sent; nulls where it can't be written, and ``findings`` tell why.
    ``html`` is for a sandboxed frame; ``source`` is the whole email, ``size`` bytes of its HTML."""

    subject: str | None
    preheader: str | None
    html: str | None
    text: str | None
    source: str | None
    language: str | None
    size: int | None
    findings: list[FindingView]


class PublishRequest(Request):
    """``files``: all that the new revision has of its own; those that are the same below are left
    out by themselves. ``base``: the newest revision that you know of; null: none in force."""

    files: Annotated[Files, Field(min_length=1)]
    note: Reason = Field(default_factory=str)
    base: Number | None = None


class RollbackRequest(Request):
    """``revision``: whose files to publish again; 0: the copy below counts again."""

    revision: Number
    note: Reason = Field(default_factory=str)
    base: Number | None = None


class SaveRequest(Request):
    """Texts by the file's name; null removes the file."""

    files: Annotated[dict[str, str | None], Field(min_length=1, max_length=100)]


class Saved(Answer):
    """What changed in the folder."""

    written: list[str]
    removed: list[str]


class EndedQuery(Query):
    """How many jobs to look for."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20


class EndedJob(Answer):
    """A job to write a letter about."""

    id: str
    title: str
    type: str
    state: str
    finished_at: Moment
    email: EmailView | None


class EndedJobs(Answer):
    """Last changed first."""

    jobs: list[EndedJob]
