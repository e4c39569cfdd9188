"""A CSV file as it came: its encoding, delimiter and header found out, its records streamed.

Nothing here holds more than one block or one record in memory. What can't be read is an
``InputError`` that names the value and the fix.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ringback.errors import InputError

#: The line on which a record starts (from 1), and its values as they came.
Record = tuple[int, list[str]]

#: Columns that a rejected-rows file adds; ignored when that file is imported again.
MARKERS = ("ringback_line", "ringback_reason", "ringback_action")
#: Characters of one value, and of one line; more is nearly always a quote left open.
CELL_LIMIT = 1 << 20
LINE_LIMIT = 8 << 20
#: SQLite's own limit (https://www.sqlite.org/limits.html, SQLITE_MAX_COLUMN).
COLUMN_LIMIT = 2_000

_BLOCK = 1 << 20
_SAMPLE = 1 << 18
_SAMPLE_RECORDS = 100
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_MAGIC = {
    b"\xd0\xcf\x11\xe0": "an Excel workbook (.xls)",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "a gzip archive",
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "an SQLite database",
}
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\v\f\r\x1a\x1b")) + b"\x7f"
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A readable CSV file. ``columns`` are the trimmed names of its own columns, ``header`` the
    same cells as they came; both without the columns that a rejected-rows file adds."""

    path: Path
    name: str
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    columns: tuple[str, ...]
    _preamble: int = 0
    _markers: frozenset[int] = frozenset()
    _width: int = 0

    @property
    def delimiter_name(self) -> str:
        """The delimiter in words: "comma"."""
        return _DELIMITERS[self.delimiter]

    def records(self) -> Iterator[Record]:
        """The records after the header, blank lines left out; they may be ragged.

        Raises InputError at a quote that isn't closed properly and at a value over
        ``CELL_LIMIT`` characters.
        """
        every = _parsed(self.path, self.name, self.encoding, self.delimiter, self._preamble)
        found = islice(every, 1, None)
        return self._without_markers(found) if self._markers else found

    def without_rows(self) -> InputError:
        """The error for a file that has a header and nothing else."""
        return unusable(
            self.name,
            f"{shown(self.name)} has column names but no rows",
            "Add at least one row and upload it again",
            "no_rows",
        )

    def _without_markers(self, found: Iterator[Record]) -> Iterator[Record]:
        trailing = min(self._markers) == self._width - len(self._markers)
        for line, values in found:
            if trailing:  # from the end, so that a ragged row keeps its own values
                yield line, values[: -len(self._markers)]
            else:
                yield line, [v for i, v in enumerate(values) if i not in self._markers]


def open_csv(path: Path, name: str) -> CsvFile:
    """Read the whole file once for its encoding, then its beginning for delimiter and header.

    Raises InputError for what isn't CSV text, is empty, or has no usable column names.
    """
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    _refuse_other_formats(path, head, name)
    encoding = _encoding(path, head, name)
    sample = codecs.getincrementaldecoder(encoding)(errors="ignore").decode(head)
    delimiter, preamble = _delimiter(sample)
    cells = next(_parsed(path, name, encoding, delimiter, preamble), (0, []))[1]
    markers = frozenset(i for i, c in enumerate(cells) if c.strip().lower() in MARKERS)
    header = tuple(c for i, c in enumerate(cells) if i not in markers)
    columns = tuple(c.strip() for c in header)
    _check_header(columns, name)
    return CsvFile(path, name, encoding, delimiter, header, columns, preamble, markers, len(cells))


def shown(value: str, limit: int = 60) -> str:
    """A value fit for a sentence: on one line, without control characters, and not too long."""
    if len(value) <= limit and value.isprintable():
        return value.strip()
    flat = "".join(c if c.isprintable() else " " for c in value[: limit + 1]).strip()
    return flat if len(value) <= limit else flat[:limit].rstrip() + "…"


def unusable(name: str, message: str, action: str, code: str = "unreadable_csv") -> InputError:
    """The error for a file that can't be imported at all; the texts come without full stops."""
    return InputError(f"{message}.", code=code, action=f"{action}.", field="file", value=name)


# -- what kind of file it is


def _refuse_other_formats(path: Path, head: bytes, name: str) -> None:
    if not head.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00"):
        raise unusable(
            name,
            f"{shown(name)} is empty",
            "Upload a file with a line of column names and at least one row",
            "empty_file",
        )
    kind = _other_format(path, head)
    if kind:
        raise unusable(
            name,
            f"{shown(name)} is {kind}, not a CSV file",
            "Open it in the program it comes from, save it as CSV (UTF-8) and upload that file",
            "not_csv",
        )


def _other_format(path: Path, head: bytes) -> str | None:
    if head.startswith(b"PK\x03\x04"):
        return _zipped_format(path)
    known = (kind for magic, kind in _MAGIC.items() if head.startswith(magic))
    return next(known, "a binary file" if _looks_binary(head) else None)


def _zipped_format(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError):
        names = []
    if any(n.startswith("xl/") for n in names):
        return "an Excel workbook (.xlsx)"
    return "an OpenDocument file (.ods)" if "content.xml" in names else "a ZIP archive"


def _looks_binary(head: bytes) -> bool:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _utf16_by_zeros(head):
        return False
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return controls > len(head) * 0.05


# -- encoding


def _encoding(path: Path, head: bytes, name: str) -> str:
    marked = next((e for bom, e in _BOMS.items() if head.startswith(bom)), None)
    sure = marked or _utf16_by_zeros(head)
    if sure:
        _survey(path, sure, name, sure=True)
        return sure
    try:
        _survey(path, "utf-8", name)
    except _NotUtf8:
        return _western(path, name)
    return "utf-8"


def _western(path: Path, name: str) -> str:
    """Windows-1252, which every byte but five belongs to; else Latin-1, which has them all."""
    try:
        _survey(path, "cp1252", name)
    except UnicodeDecodeError:
        _survey(path, "latin-1", name)
        return "latin-1"
    return "cp1252"


def _utf16_by_zeros(head: bytes) -> str | None:
    """UTF-16 without a byte order mark: every other byte of delimiters and Latin text is zero."""
    pairs = len(head) // 2
    even, odd = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if odd > 0.3 * pairs and even < 0.02 * pairs:
        return "utf-16-le"
    return "utf-16-be" if even > 0.3 * pairs and odd < 0.02 * pairs else None


class _NotUtf8(Exception):
    """The bytes are no UTF-8, and nothing before them hints that they should be."""


def _survey(path: Path, encoding: str, name: str, *, sure: bool = False) -> None:
    """Decode the whole file block by block (about 1 s a GB) and refuse what would break later.

    ``sure``: there is proof of the encoding, so bytes that don't fit are an error of the file;
    letters beyond ASCII that decode as UTF-8 are such proof, too.
    """
    line_length = 0
    for text in _texts(path, encoding, name, sure):
        if "\0" in text:
            raise _nul_error(path, encoding, name)
        line_length = _longest(line_length, text, name)


def _texts(path: Path, encoding: str, name: str, sure: bool) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)()
    text = ""
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK)
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                good = error.object[: error.start]
                if encoding == "cp1252":
                    raise
                if not sure and good.isascii():
                    raise _NotUtf8 from error
                raise _misfit(name, error, text) from error
            sure = sure or not text.isascii()
            yield text
            if not block:
                return


def _misfit(name: str, error: UnicodeDecodeError, before: str) -> InputError:
    bad = error.object[error.start : error.start + 4]
    good = error.object[: error.start].decode(error.encoding, "ignore")
    before = shown(f"{before}{good}"[-30:])
    where = f" after “{before}”" if before else ""
    told = (
        f"byte {bad.hex()}{where} doesn't"
        if len(bad) == 1
        else f"bytes {bad.hex(' ')}{where} don't"
    )
    return unusable(
        name,
        f"{shown(name)} is {error.encoding.upper()} text, but the {told} belong to it",
        "Save it as CSV (UTF-8) in the program it comes from and upload it again",
    )


def _longest(before: int, text: str, name: str) -> int:
    """The length of the line that ``text`` leaves open; an endless line is refused."""
    line_end = max(text.rfind("\n"), text.rfind("\r"))
    length = before + len(text) if line_end < 0 else len(text) - line_end - 1
    if length > LINE_LIMIT:
        raise unusable(
            name,
            f"{shown(name)} has a line of more than {LINE_LIMIT:,} characters",
            "Check that it is a CSV file with one row a line, and upload it again",
        )
    return length


def _nul_error(path: Path, encoding: str, name: str) -> InputError:
    with path.open(encoding=encoding, newline="") as text:
        line = next(number for number, content in enumerate(text, 1) if "\0" in content)
    return unusable(
        name,
        f"Line {line:,} of {shown(name)} has a NUL byte, which no CSV file should have",
        "Export the file again as CSV (UTF-8); if the line still has it, type that line anew",
    )


# -- delimiter, header, records


def _delimiter(sample: str) -> tuple[str, int]:
    """The delimiter, and how many lines stand before the header (Excel's ``sep=;``)."""
    first = sample.lstrip("\ufeff").split("\n", 1)[0]
    declared = _SEPARATOR_LINE.fullmatch(first)
    if declared:
        return declared[1], 1
    return max(_DELIMITERS, key=lambda delimiter: _fitness(sample, delimiter)), 0


def _fitness(sample: str, delimiter: str) -> tuple[float, int]:
    """How well a delimiter explains the sample: the share of records as wide as the header (which
    needs two columns) in tenths, then the width."""
    csv.field_size_limit(CELL_LIMIT)  # process-wide in Python's csv, so always the same value
    reader = csv.reader(io.StringIO(sample.lstrip("\ufeff"), newline=""), delimiter=delimiter)
    try:
        widths = [len(values) for values in islice(reader, _SAMPLE_RECORDS) if values]
    except csv.Error:  # a field over the limit: a quote left open, told later with its line
        widths = []
    if not widths or widths[0] == 1:
        return (0.0, 0)
    return round(widths.count(widths[0]) / len(widths), 1), widths[0]


def _parsed(
    path: Path, name: str, encoding: str, delimiter: str, preamble: int
) -> Iterator[Record]:
    csv.field_size_limit(CELL_LIMIT)
    start = 1 + preamble
    with path.open(encoding=encoding, newline="") as text:
        reader = csv.reader(islice(text, preamble, None), delimiter=delimiter, strict=True)
        try:
            for values in reader:
                if values:
                    yield start, values
                start = reader.line_num + preamble + 1
        except csv.Error as error:
            raise _broken(name, start, str(error), delimiter) from error


def _broken(name: str, line: int, error: str, delimiter: str) -> InputError:
    where = f"line {line:,} of {shown(name)}"
    if "field larger" in error:
        message = f"A value that starts on {where} is longer than {CELL_LIMIT:,} characters"
        action = "Close the quote that was left open there, or shorten the value"
    elif "unexpected end" in error:
        message = f"A quote opened in the row that starts on {where} is never closed"
        action = 'Close it with ", or double it ("") where it belongs to the text'
    else:
        message = f"The row that starts on {where} has text right after a closing quote"
        action = (
            f'Double quotes that belong to the text (""), or put the missing '
            f"{_DELIMITERS[delimiter]} after the closing quote"
        )
    return unusable(name, message, f"{action}, and upload the file again", "broken_quotes")


def _check_header(columns: tuple[str, ...], name: str) -> None:
    problem = _header_problem(columns)
    if problem:
        message, action = problem
        raise unusable(name, message, f"{action}, and upload the file again", "bad_header")


def _header_problem(columns: tuple[str, ...]) -> tuple[str, str] | None:
    unnamed = [i for i, column in enumerate(columns, 1) if not column]
    folded = Counter(column.lower() for column in columns)
    twice = next((c for c in columns if folded[c.lower()] > 1), None)
    address = next((c for c in columns if _ADDRESS.fullmatch(c)), None)
    if not any(columns):
        return "The first line has no column names", "Write one name above each column"
    if address or all(_NUMBER.fullmatch(c) for c in columns):
        sample = shown(address or columns[0])
        return (
            f"The first line looks like a row, not like column names: it has “{sample}”",
            "Add a first line that names the columns, such as id,name,email",
        )
    if unnamed:
        return f"Column {unnamed[0]} has no name", "Name it in the first line, or delete it"
    if twice is not None:
        return (
            f"{folded[twice.lower()]} columns are called “{shown(twice)}”",
            "Give each column its own name (upper and lower case don't make a difference)",
        )
    if len(columns) > COLUMN_LIMIT:
        return (
            f"The file has {len(columns):,} columns, and a table can have {COLUMN_LIMIT:,}",
            "Delete the columns that you don't need",
        )
    return None
