"""The journal's heads, written down where the journal is not: what makes a cut tail visible.

A chain proves that nothing inside it was changed; it cannot prove that its end is its end. So every minute in which
something was written, the new ends go to a file outside the database, one line each time, each line bound to the one
before; and the root of all ends is short enough to print, and to read to a notary over the telephone.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from citywatch.eventlog import durable
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal import services
from citywatch.mechanisms.journal.models import Entry

FILE = "journal-heads.jsonl"
_AT_ONCE = 500
_FIRST = "0" * 64
_read_before: dict[Path, tuple[int, dict[str, tuple[int, str]]]] = {}
"""By file: how long it was, and the ends it then held. A file of another length is read anew."""


@dataclass(frozen=True, slots=True)
class Line:
    """One export: the ends that had moved since the line before, the root of all ends, and the line's own digest."""

    at: datetime
    moved: dict[str, tuple[int, str]]
    root: str
    previous: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def text(self) -> str:
        told = {
            "at": self.at.astimezone(UTC).isoformat(),
            "moved": self.moved,
            "previous": self.previous,
            "root": self.root,
        }
        return json.dumps(told, sort_keys=True, separators=(",", ":"))


def root_of(ends: dict[str, tuple[int, str]]) -> str:
    """One digest over every chain's end."""
    return hashlib.sha256(json.dumps(sorted([w, *end] for w, end in ends.items())).encode()).hexdigest()


def export(folders: Sequence[Path], *, at: datetime) -> str | None:
    """Write the ends that moved to a file in each folder; gives the root, or None when nothing was written since.

    Each folder's file is compared on its own: one that was away (a disk of another machine) catches up.
    """
    ends = services.heads()
    root = root_of(ends)
    news = False
    for folder in folders:
        path = folder / FILE
        with durable.only_writer(folder / f"{FILE}.lock"):
            last = _mend(path)
            known = _ends_in(path)
            moved = {writer: end for writer, end in ends.items() if known.get(writer) != end}
            if moved:
                _append(path, Line(at, moved, root, last))
                _read_before[path] = path.stat().st_size, known | moved
                news = True
    return root if news else None


def first_missing(path: Path) -> str | None:
    """The first end in the file that the journal no longer holds, as `writer:seq`; None when it holds them all.

    Refuses a file that was itself changed: its lines are bound to one another.
    """
    told: dict[tuple[str, int], str] = {}
    for line in read(path):
        told.update(((writer, seq), digest) for writer, (seq, digest) in line.moved.items())
    asked = list(told)
    for start in range(0, len(asked), _AT_ONCE):
        part = asked[start : start + _AT_ONCE]
        held = Entry.objects.filter(writer__in={writer for writer, _ in part}, seq__in={seq for _, seq in part})
        found = {(writer, seq): digest for writer, seq, digest in held.values_list("writer", "seq", "digest")}
        for key in part:
            if found.get(key) != told[key]:
                return f"{key[0]}:{key[1]}"
    return None


def read(path: Path) -> list[Line]:
    """Every line of a file of heads, checked against the one before."""
    try:
        lines = list(_lines(path))
    except FileNotFoundError:
        raise Refusal(f"There is no file {path}; heads are exported to {FILE} in the folders named for them.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal(f"{path} is no file of journal heads ({error}); give the {FILE} that was exported.") from error
    previous = _FIRST
    for number, line in enumerate(lines, start=1):
        if line.previous != previous:
            raise Refusal(
                f"{path}, line {number} does not follow the line before it: the file was changed; use another copy."
            )
        previous = line.digest
    return lines


def _ends_in(path: Path) -> dict[str, tuple[int, str]]:
    length, known = _read_before.get(path, (-1, {}))
    if length != path.stat().st_size:
        known = {}
        for line in _lines(path):
            known.update(line.moved)
    return known


def _lines(path: Path) -> Iterator[Line]:
    if not path.exists():
        raise FileNotFoundError(path)
    for text in path.read_text(encoding="utf-8").splitlines():
        told: dict[str, Any] = json.loads(text)
        moved = {writer: (int(seq), str(digest)) for writer, (seq, digest) in told["moved"].items()}
        yield Line(datetime.fromisoformat(told["at"]), moved, told["root"], told["previous"])


def _mend(path: Path) -> str:
    """Cut off a line that a power cut left half written; gives the digest of the last whole one."""
    if not path.exists():
        path.touch(mode=0o640)
        return _FIRST
    whole = path.read_bytes()
    kept = whole[: whole.rfind(b"\n") + 1]
    if len(kept) != len(whole):
        os.truncate(path, len(kept))
    last = kept.rstrip(b"\n").rpartition(b"\n")[2]
    return hashlib.sha256(last).hexdigest() if last else _FIRST


def _append(path: Path, line: Line) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line.text + "\n")
        file.flush()
        os.fsync(file.fileno())
    durable.sync_directory(path.parent)
