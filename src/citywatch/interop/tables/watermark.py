"""A mark in a table that nobody sees: the order of its rows, and a space behind some of their words.

Both come from a keyed hash of each row and the export's own mark, so a part of the table tells whose it was: the order
survives spaces that were trimmed, the spaces survive rows that were sorted. Pure; keeps no list of exports.
"""

import hmac
from collections.abc import Mapping, Sequence
from math import sqrt

_JOIN = "\x1f"
SURE = 5.0
"""Standard deviations that agreement must lie above chance: less than one wrong name in three million tables."""


def marked(rows: Sequence[Sequence[str]], *, mark: str, column: int) -> list[list[str]]:
    """The rows in the mark's own order, the text of `column` followed by a space where the mark says so."""
    told = []
    for row in sorted(rows, key=lambda row: _hash(row, mark)):
        cells = [cell.strip() for cell in row]
        cells[column] += " " if _bit(cells, mark) else ""
        told.append(cells)
    return told


def likeness(leaked: Sequence[Sequence[str]], *, mark: str, column: int) -> float:
    """How far above chance these rows agree with a mark, in standard deviations; by order or by spaces."""
    return max(_by_order(leaked, mark), _by_spaces(leaked, mark, column))


def whose(leaked: Sequence[Sequence[str]], marks: Mapping[int, str], *, column: int) -> int | None:
    """The number of the one export these rows came from, or None where none agrees beyond doubt."""
    found = {number: likeness(leaked, mark=mark, column=column) for number, mark in marks.items()}
    best = max(found, key=lambda number: found[number], default=None)
    return best if best is not None and found[best] >= SURE else None


def _by_order(rows: Sequence[Sequence[str]], mark: str) -> float:
    """Kendall's tau between the order of the rows and the mark's, over its spread by chance."""
    hashes = [_hash(row, mark) for row in rows]
    count = len(hashes)
    if count < 2:
        return 0.0
    pairs = [(hashes[i] < hashes[j]) - (hashes[i] > hashes[j]) for i in range(count) for j in range(i + 1, count)]
    return sum(pairs) / len(pairs) / sqrt(2 * (2 * count + 5) / (9 * count * (count - 1)))


def _by_spaces(rows: Sequence[Sequence[str]], mark: str, column: int) -> float:
    if not any(row[column].endswith(" ") for row in rows):
        return 0.0  # trimmed: says nothing
    agree = sum(row[column].endswith(" ") == _bit(row, mark) for row in rows)
    return (agree - len(rows) / 2) / sqrt(len(rows) / 4)


def _hash(row: Sequence[str], mark: str) -> bytes:
    return hmac.digest(mark.encode(), _JOIN.join(cell.strip() for cell in row).encode(), "sha256")


def _bit(row: Sequence[str], mark: str) -> bool:
    return bool(_hash(row, mark)[-1] & 1)
