"""The main job once with a client watching (no email) and once with nobody there (one email)."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.panel import Panel

from ringback import remote, show
from ringback.errors import RingbackError

ROWS = 150_000
EMAIL_WITHIN = 60.0  #: seconds
TYPES = {"email": "email", "signed_up": "date", "orders": "integer"}
WORDS = ("ada", "grace", "alan", "edsger", "barbara", "donald", "radia", "ken", "dennis", "leslie")


def write_sample(path: Path, rows: int = ROWS) -> None:
    """A CSV file of customers; a few rows have what such files have: no id, a bad address, …"""
    draw = random.Random(7)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("id,name,email,signed_up,orders\n")
        for number in range(1, rows + 1):
            first, last = draw.choice(WORDS), draw.choice(WORDS)
            cells = [
                str(number), f'"{last.title()}, {first.title()}"',
                f"{first}.{last}.{number}@example.com",
                f"20{draw.randint(10, 25)}-0{draw.randint(1, 9)}-1{draw.randint(0, 9)}",
                str(draw.randint(0, 90)),
            ]  # fmt: skip
            file.write(",".join(_spoilt(cells, number)) + "\n")


def _spoilt(cells: list[str], number: int) -> list[str]:
    spoil = {
        1_000: (0, ""), 2_000: (2, "ada(at)example.com"), 3_000: (4, "many"),
        4_000: (0, "17"), 5_000: (3, "soon"),
    }  # fmt: skip
    place, value = spoil.get(number, (0, cells[0]))
    return [*cells[:place], value, *cells[place + 1 :]]


async def run(url: str, tokens: dict[str, str], folder: Path, console: Console) -> None:
    """Shows both ways in the terminal. ``tokens``: of the user who watches, and who leaves."""
    sample = folder / "customers.csv"
    write_sample(sample)
    console.rule("1. Somebody watches")
    await _watched(url, tokens["watches"], sample, console)
    console.rule("2. Nobody is there")
    await _left(url, tokens["leaves"], sample, console)


async def _watched(url: str, token: str, sample: Path, console: Console) -> None:
    async with remote.connect(url, token) as client:
        await client.listen()
        job = await _submit(client, sample)
        last = await show.follow(client.watch(job), console)
        show.outcome(last, console)
        console.print(f"  Email: {last['email']['state']}. {last['email']['reason']}")


async def _left(url: str, token: str, sample: Path, console: Console) -> None:
    async with remote.connect(url, token) as client:
        job = await _submit(client, sample)
        console.print(f"Submitted {job['title']} and left. Waiting for the email …")
        last = await _until_told(client, job["id"])
        console.print(f"  Email: {last['email']['state']}. {last['email']['reason']}")
    mail = await _mail(url, job["id"])
    told = f"To: {mail['to']}\nSubject: {mail['subject']}\n\n{mail['text']}"
    console.print(Panel(told, title=f"{url}/inbox", highlight=False))


async def _submit(client: remote.Remote, sample: Path) -> dict[str, Any]:
    file_id = await client.upload(sample)
    params = {"file": file_id, "table": "customers", "key": "id", "types": TYPES}
    return await client.submit("csv.import", params)


async def _until_told(client: remote.Remote, job_id: str) -> dict[str, Any]:
    """Until the notice has ended, one way or the other."""
    deadline = time.monotonic() + EMAIL_WITHIN
    while time.monotonic() < deadline:
        view = await client.show(job_id)
        if view["email"] and view["email"]["state"] not in ("waiting", "delayed"):
            return view
        await asyncio.sleep(0.2)
    raise RingbackError(f"The notice of {job_id} was still open after {EMAIL_WITHIN:.0f} seconds.")


async def _mail(url: str, job_id: str) -> dict[str, Any]:
    async with aiohttp.ClientSession(url) as http:
        listed = await (await http.get("/dev/inbox")).json()
        for entry in listed["messages"]:
            message: dict[str, Any] = await (await http.get(f"/dev/inbox/{entry['id']}")).json()
            if message["headers"].get("X-Ringback-Job") == job_id:
                return message
    raise RingbackError(f"The inbox has no email about {job_id}.")
