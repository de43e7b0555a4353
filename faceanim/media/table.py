"""Tables as people save them: CSV of any spreadsheet, in its encoding and with its separator."""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SEPARATORS = ",;\t"  # of several that fit the first line alike, the first
_MARKS = (  # byte-order marks; UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx, .ods; .xls


@dataclass(frozen=True)
class Table:
    """columns: their names, in small letters. rows: (line in the file, value of each column); values are stripped, and
    empty where the cell is. Rows without any value are left out."""

    columns: tuple[str, ...]
    rows: list[tuple[int, dict[str, str]]]


def read_table(path: str | Path, option: str) -> Table:
    """Read a .csv: UTF-8, UTF-16 or, where it is neither, Windows-1252; commas, semicolons or tabs.

    Raises ValueError, one line that names the option, the file and the line of it.
    """
    where = f"{option}={path}"
    try:
        text = _text(Path(path).read_bytes())
    except OSError as error:
        raise ValueError(f"{where}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ValueError(f"{where}: expected a table of comma-separated values, got {error}") from error
    rows = _rows(text, where)
    _, columns = next(rows, (0, []))
    columns = [name.lower() for name in columns]
    while columns and not columns[-1]:
        columns.pop()
    if not columns or not all(columns) or len(set(columns)) < len(columns):
        raise ValueError(
            f"{where}: expected a first line of different column names, got {', '.join(columns)!r}"
        )
    found = []
    for line, values in rows:
        if not any(values):
            continue
        if len(values) < len(columns) or any(values[len(columns) :]):
            raise ValueError(f"{where}, line {line}: expected {len(columns)} values, got {len(values)}")
        found.append((line, dict(zip(columns, values, strict=False))))
    return Table(tuple(columns), found)


def _text(content: bytes) -> str:
    if content.startswith(_WORKBOOKS):
        raise ValueError("a workbook: save it as CSV")
    encodings = [name for mark, name in _MARKS if content.startswith(mark)][:1]
    if not encodings and len(content) > 1 and 0 in content[:2]:  # UTF-16 of Latin letters, without its mark
        encodings = ["utf-16-be" if content[0] == 0 else "utf-16-le"]
    for encoding in encodings or ("utf-8", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise ValueError("no text in UTF-8, UTF-16 or Windows-1252")


def _rows(text: str, where: str) -> Iterator[tuple[int, list[str]]]:
    head, _, rest = text.partition("\n")
    skipped = 0
    if head.lower().startswith("sep=") and head.strip()[4:]:  # what Excel writes for itself
        separator, text, skipped = head[4], rest, 1
    else:
        first = next((line for line in text.splitlines() if line.strip()), "")
        separator = max(_SEPARATORS, key=lambda one: len(next(csv.reader([first], delimiter=one), [])))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for values in reader:
            if values:
                yield reader.line_num + skipped, [value.strip() for value in values]
    except csv.Error as error:
        raise ValueError(f"{where}, line {reader.line_num + skipped}: {error}") from error
