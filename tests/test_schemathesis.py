"""schemathesis attacks the API with all that /openapi.json allows, and with what it forbids."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ringback import catalog
from ringback.catalog import JobType
from ringback.connection import Store
from ringback.job import Owner, Policy
from tests.eye import submitted
from tests.wire import gateway

ROLES = ["user", "support", "operator", "author", "service"]
#: What a schema can't say is refused all the same: params that the job type doesn't know, a file
#: without a name, another's address.
CONFIG = """
[parameters]
"path.id" = "{job}"

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409", "412", "422", "429", "5xx"]
"""
STREAMS = "/api/v1/events"  # never ends: tests/e2e has it


async def test_the_api_does_what_its_document_says(
    db: Store, shared_valkey: Any, tmp_path: Path
) -> None:
    params = {"type": "object", "properties": {"table": {"type": "string"}}}
    kind = JobType(
        name="csv.import", title="Import", description="", params=params, policy=Policy()
    )
    db.do(catalog.declare([kind]))
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.format(job=submitted(db).id))
    async with gateway(shared_valkey.url, tmp_path) as node:
        token = node.tokens.issue(Owner(id="ann", email="ann@example.com"), roles=ROLES)
        status, told = await run(
            tmp_path,
            ["--config-file", str(config), "run", str(node.url / "openapi.json")],
            ["-H", f"Authorization: Bearer {token}", "--exclude-path", STREAMS],
            ["--max-examples", "5", "--seed", "7", "--phases", "examples,coverage,fuzzing"],
            ["--no-color", "--suppress-health-check", "all", "--warnings", "off"],
        )
    assert status == 0, told[-10_000:]
    assert "passed" in told


async def run(cwd: Path, *words: Sequence[str]) -> tuple[int | None, str]:
    """The command's status, and what it told."""
    command = Path(sys.executable).with_name("schemathesis")
    process = await asyncio.create_subprocess_exec(
        command, *(word for part in words for word in part), cwd=cwd, env=dict(os.environ),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told, _ = await process.communicate()
    return process.returncode, told.decode()
