"""Keys that seal other keys: numbered generations of a master on disk, and own keys wrapped under one of them.

Each sealed value has a key of its own that lies wrapped beside it in the database. Destroying the wrapped key destroys
the value; a new generation of the master wraps own keys anew without touching what they sealed.
"""

import os
import secrets
from pathlib import Path

from django.conf import settings

from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.vault.sealing import SealBroken, key_named, seal, unseal

FIRST = 1
_known: dict[tuple[str, str], int] = {}
"""By folder and master: the newest generation seen. It only grows, so a stale value costs one look, never an answer."""


class MasterMissing(SealBroken):
    """The master key of a generation is not in the key folder."""


def own_key(*, master: str, bound_to: str) -> tuple[bytes, bytes, int]:
    """Make a key for one value: the key, the same wrapped, and the master's generation that wraps it."""
    key = secrets.token_bytes(32)
    return (key, *wrap(key, master=master, bound_to=bound_to))


def wrap(key: bytes, *, master: str, bound_to: str) -> tuple[bytes, int]:
    """Wrap an own key under the newest generation of a master."""
    generation = newest(master)
    return seal(key, key=master_key(master, generation), bound_to=bound_to), generation


def unwrap(wrapped: bytes | memoryview | None, *, master: str, generation: int, bound_to: str) -> bytes:
    """The own key behind a wrapped one. Raises `SealBroken`."""
    return unseal(bytes(wrapped or b""), key=master_key(master, generation), bound_to=bound_to)


def newest(master: str) -> int:
    """The generation that new keys are wrapped under; another process may have begun it a moment ago."""
    place = str(settings.CITYWATCH_KEYS), master
    if place not in _known:
        _known[place] = max(generations(master), default=FIRST)
    while os.path.exists(path_of(master, _known[place] + 1)):  # noqa: PTH110 - asked once for every person enrolled
        _known[place] += 1
    return _known[place]


def generations(master: str) -> list[int]:
    """The generations whose keys are here."""
    found = [FIRST] if Path(path_of(master, FIRST)).exists() else []
    for path in Path(settings.CITYWATCH_KEYS).glob(f"{master}.*.key"):
        middle = path.name.removeprefix(f"{master}.").removesuffix(".key")
        found += [int(middle)] if middle.isdecimal() else []
    return sorted(found)


def begin_generation(master: str) -> int:
    """Make the next generation's key; from here on every process wraps new keys under it."""
    following = newest(master) + 1
    key_named(f"{master}.{following}")
    return following


def master_key(master: str, generation: int) -> bytes:
    """A master key. The first of an installation is made on first use; any other one must be there."""
    path = path_of(master, generation)
    if not os.path.exists(path) and (generation != FIRST or generations(master)):  # noqa: PTH110 - as above
        raise MasterMissing(f"The key {path} is not there; put the folder of keys back as it was.")
    return key_named(_name(master, generation))


def path_of(master: str, generation: int) -> str:
    """Where a generation's key lies."""
    return f"{settings.CITYWATCH_KEYS}/{_name(master, generation)}.key"


def _name(master: str, generation: int) -> str:
    return master if generation == FIRST else f"{master}.{generation}"


def destroy_generation(master: str, generation: int) -> None:
    """Overwrite and remove a master key. Whatever is still wrapped under it is gone, in every backup too."""
    path = Path(path_of(master, generation))
    if generation >= newest(master):
        raise Refusal(f"{path.name} is in use; run `citywatch rotate-keys` first.")
    with path.open("r+b") as file:
        file.write(os.urandom(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
