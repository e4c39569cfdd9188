"""Write docs/errors, a page for each kind of problem (`make errors`)."""

from __future__ import annotations

from pathlib import Path

from gateway.kinds import KINDS, Kind

ERRORS = Path(__file__).resolve().parent.parent / "docs" / "errors"
INDEX = """# Errors

Every error of the API is a [problem](https://www.rfc-editor.org/rfc/rfc9457): JSON with `type`,
`title`, `status` and `detail`, over HTTP as `application/problem+json`, over Socket.IO as the
acknowledgement's `problem`. The `type` is stable: decide by it, and show `detail` to people.

| type | status | when |
|---|---|---|
{rows}
"""
PAGE = """# {kind.title}

`{kind.type}`, status {kind.status}

**When.** {kind.when}

**What to do.** {kind.fix}

[All errors](README.md)
"""


def main() -> None:
    """Write the pages, and remove those of kinds that are no more."""
    for old in ERRORS.glob("*.md"):
        old.unlink()
    ERRORS.mkdir(exist_ok=True)
    for name, text in pages().items():
        (ERRORS / name).write_text(text)


def pages() -> dict[str, str]:
    """The pages' texts by their names."""
    kinds = sorted(KINDS.values(), key=lambda kind: (kind.status, kind.name))
    rows = "\n".join(map(_row, kinds))
    own = {f"{kind.name}.md": PAGE.format(kind=kind) for kind in kinds}
    return {"README.md": INDEX.format(rows=rows), **own}


def _row(kind: Kind) -> str:
    return f"| [`{kind.type}`]({kind.name}.md) | {kind.status} | {kind.when} |"


if __name__ == "__main__":
    main()
