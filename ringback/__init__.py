"""Ringback: long jobs that tell how they ended, on the page or by email.

A worker's module needs no more than this package::

    from ringback import InputError, Run, job
"""

from ringback.client import AsyncClient, Client, submit
from ringback.declare import job
from ringback.errors import (
    ExternalError,
    InputError,
    ItemError,
    JobCancelled,
    LeaseLost,
    PermissionError_,
    RingbackError,
    StoreUnavailable,
    WorkerStopping,
)
from ringback.files import File
from ringback.item import Item
from ringback.job import Link, Owner, Result
from ringback.pipeline import pipeline
from ringback.plan import Plan, parallel, sequence
from ringback.run import Run

__all__ = [
    "AsyncClient",
    "Client",
    "ExternalError",
    "File",
    "InputError",
    "Item",
    "ItemError",
    "JobCancelled",
    "LeaseLost",
    "Link",
    "Owner",
    "PermissionError_",
    "Plan",
    "Result",
    "RingbackError",
    "Run",
    "StoreUnavailable",
    "WorkerStopping",
    "job",
    "parallel",
    "pipeline",
    "sequence",
    "submit",
]
