"""What a backup says of itself: written last, so a folder without it is no backup, and every file in it by its hash."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from citywatch.eventlog import durable
from citywatch.mechanisms.errors import Refusal

FILE = "backup.json"
FORMAT = 1
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """One backup: when, of what kind of database, how many rows of each table, the journal's ends, files and keys.

    `keys` gives for each key file a fingerprint that tells whether it is the same key, and nothing about the key.
    `sealed` counts what must open with them.
    """

    made_at: str
    database: str
    rows: Mapping[str, int]
    heads: Mapping[str, tuple[int, str]]
    sealed: Mapping[str, int]
    files: Mapping[str, tuple[int, str]]
    keys: Mapping[str, str]
    format: int = FORMAT


def write(folder: Path, manifest: Manifest) -> None:
    """Make a folder of files a backup."""
    text = json.dumps(asdict(manifest), ensure_ascii=False, indent=1, sort_keys=True)
    durable.publish(folder / FILE, lambda aside: _write_text(aside, text))


def read(folder: Path) -> Manifest:
    """Read what a backup says of itself; refuses what is none, or of another release."""
    try:
        told = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if told["format"] != FORMAT:
            raise Refusal(f"{folder} is a backup of format {told['format']}; this release reads {FORMAT}.")
        told["heads"] = {writer: (int(seq), str(digest)) for writer, (seq, digest) in told["heads"].items()}
        told["files"] = {name: (int(size), str(digest)) for name, (size, digest) in told["files"].items()}
        return Manifest(**told)
    except FileNotFoundError:
        raise Refusal(f"{folder} holds no {FILE}: it is no backup, or one that was stopped; take another.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal(f"{folder / FILE} cannot be read ({error}); take another backup.") from error


def check_files(folder: Path, manifest: Manifest) -> None:
    """Refuse a backup in which a file is missing, cut short or changed."""
    for name, (size, digest) in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise Refusal(f"{path} is missing from the backup; it is incomplete: use another copy of it.")
        if path.stat().st_size != size:
            raise Refusal(
                f"{path} has {path.stat().st_size:,} bytes and had {size:,}: the backup was cut short; use another "
                "copy of it."
            )
        if digest_of(path) != digest:
            raise Refusal(f"{path} is not what was backed up (its hash differs); use another copy of the backup.")


def check_keys(folder: Path, manifest: Manifest) -> None:
    """Refuse keys that are not those of this backup."""
    for name, fingerprint in manifest.keys.items():
        path = folder / name
        if not path.is_file():
            raise Refusal(f"The key {path} is missing; give with --keys the folder of keys saved with this backup.")
        if fingerprint_of(path) != fingerprint:
            raise Refusal(f"{path} is another key than the backup's; give with --keys the folder saved with it.")


def files_below(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file of a backup but the manifest, with its size and hash."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != FILE)
    return {path.relative_to(folder).as_posix(): (path.stat().st_size, digest_of(path)) for path in paths}


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def fingerprint_of(path: Path) -> str:
    """What tells two keys apart without telling a key: of 256 random bits nothing can be guessed back."""
    return hashlib.sha256(b"citywatch key fingerprint\x00" + path.read_bytes()).hexdigest()


def copy(source: Path, target: Path, *, mode: int = 0o640) -> None:
    """Copy one file so that it survives a power cut."""
    durable.make_directory(target.parent)
    with (
        source.open("rb") as read_from,
        os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as to,
    ):
        while piece := read_from.read(_PIECE):
            to.write(piece)
        to.flush()
        os.fsync(to.fileno())
    durable.sync_directory(target.parent)


def is_empty(folder: Path, *, but: Iterable[str] = ()) -> bool:
    """Whether a folder holds nothing, or is not there."""
    return not folder.exists() or all(path.name in set(but) for path in folder.iterdir())


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
