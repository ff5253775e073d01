"""Power cuts: bytes that were never synced are dropped or torn, and every acknowledged report and visit is still there.

Run: python benchmarks/torture/power.py [cuts] [seed]

One process sends reports and visits through the doors, decides, exports and compacts, while a preloaded library
(`recorder.c`) writes down each write, sync, rename, unlink and truncation below the installation's folder, and each
acknowledgement between them. For every cut a moment is drawn, half of them just after an answer, and the disk is made
as it may be after the power came back: a file's synced bytes are there; each later write is there, missing, or torn at
a sector; names made, renamed or removed since the folder's last sync are there up to a random one. Then the system
starts on it, finishes what was left, and is compared with what had been acknowledged by that moment.

Simulated: SQLite (rollback journal) and the event log's files, as our processes write them. Not simulated: PostgreSQL
(its own crash safety is taken as given), a disk that lies about syncs, bit rot.
"""

import json
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from installation import Installation, installation

HERE = Path(__file__).parent
HEAD = struct.Struct("<cQqII")
SECTOR = 512
MESSAGES = 60
MUST_BE_NOTHING = (
    "lost", "doubled", "unknown", "unfinished", "unaccounted", "visits_lost", "visits_doubled", "damaged",
    "entries_not_in_log", "entries_twice_in_log", "counted_not_stored", "failed_reactions", "does_not_start",
)  # fmt: skip


@dataclass(slots=True)
class Op:
    """One thing the process did, by file number (data) or name (folders)."""

    kind: str
    file: int = 0
    offset: int = 0
    name: str = ""
    to: str = ""
    content: bytes = b""


@dataclass(slots=True)
class Content:
    """A file's bytes as they surely are, and the writes not yet synced."""

    sure: bytearray = field(default_factory=bytearray)
    loose: list[Op] = field(default_factory=list)


def recorded(path: Path) -> Iterator[tuple[str, int, int, bytes, bytes]]:
    raw, at = path.read_bytes(), 0
    while at < len(raw):
        kind, inode, offset, first, second = HEAD.unpack_from(raw, at)
        at += HEAD.size
        yield kind.decode(), inode, offset, raw[at : at + first], raw[at + first : at + first + second]
        at += first + second


def ops_of(path: Path, known: set[int]) -> list[Op]:
    """The recorded operations with files numbered: an inode that is made anew is another file."""
    numbers = {inode: inode for inode in known}
    fresh = 1 << 62
    ops = []
    for kind, inode, offset, first, second in recorded(path):
        if kind == "C":
            fresh += 1
            numbers[inode] = fresh
        if kind in "WTS" and inode not in numbers:
            raise SystemExit(f"a write to a file nobody opened ({inode}): the recorder missed something")
        name = first.decode() if kind in "CDUMR" else ""
        ops.append(Op(kind, numbers.get(inode, 0), offset, name, second.decode(), first if kind == "W" else b""))
    return ops


class Disk:
    """The folder as it surely is on the disk, and what a cut may still take away; built up operation by operation."""

    def __init__(self, base: Path) -> None:
        self.files = {
            file.stat().st_ino: Content(bytearray(file.read_bytes())) for file in base.rglob("*") if file.is_file()
        }
        self.names = {str(file): file.stat().st_ino for file in base.rglob("*") if file.is_file()}
        self.folders = {str(folder) for folder in (base, *base.rglob("*")) if folder.is_dir()}
        self.loose: list[Op] = []

    def do(self, op: Op) -> None:
        if op.kind in "WT":
            self.files[op.file].loose.append(op)
        elif op.kind == "S":
            content = self.files[op.file]
            for one in content.loose:
                apply(content.sure, one)
            content.loose.clear()
        elif op.kind == "D":
            mine = [one for one in self.loose if op.name in {parent(one.name), parent(one.to)}]
            _rename(self.names, self.folders, mine)
            self.loose = [one for one in self.loose if one not in mine]
        else:
            if op.kind == "C":
                self.files[op.file] = Content()
            self.loose.append(op)

    def cut(self, draw: random.Random) -> tuple[dict[str, bytes], set[str]]:
        """What is there when the power comes back: names with their bytes, and folders."""
        names, folders = dict(self.names), set(self.folders)
        by_folder: dict[str, list[Op]] = {}
        for op in self.loose:
            by_folder.setdefault(parent(op.name), []).append(op)
        for ops in by_folder.values():
            _rename(names, folders, ops[: draw.randint(0, len(ops))])
        there = {}
        for name, file in names.items():
            if parent(name) in folders:
                content = self.files[file]
                there[name] = bytes(content.sure) if not content.loose else _survived(content, draw)
        return there, folders


def parent(name: str) -> str:
    return name.rpartition("/")[0]


def apply(content: bytearray, op: Op) -> None:
    if op.kind == "T":
        del content[op.offset :]
        content.extend(bytes(max(0, op.offset - len(content))))
        return
    content.extend(bytes(max(0, op.offset - len(content))))
    content[op.offset : op.offset + len(op.content)] = op.content


def _survived(content: Content, draw: random.Random) -> bytes:
    found = bytearray(content.sure)
    mood = draw.random()
    for op in content.loose:
        fate = draw.random()
        if mood < 0.3 or (mood < 0.8 and fate < 0.4):
            continue  # everything since the last sync is gone, or this one write
        if op.kind == "W" and fate > 0.8 and len(op.content) > SECTOR:
            torn = draw.randrange(0, len(op.content), SECTOR)
            apply(found, Op("W", op.file, op.offset, content=op.content[:torn]))
        else:
            apply(found, op)
    return bytes(found)


def _rename(names: dict[str, int], folders: set[str], ops: list[Op]) -> None:
    for op in ops:
        if op.kind == "C":
            names[op.name] = op.file
        elif op.kind == "M":
            folders.add(op.name)
        elif op.kind == "U":
            names.pop(op.name, None)
            folders.discard(op.name)
        elif op.kind == "R" and op.name in names:
            names[op.to] = names.pop(op.name)


def acknowledged_in(op: Op) -> Iterator[tuple[str, int]]:
    """What the process said it had acknowledged, in one write to its file of marks."""
    for line in op.content.decode().splitlines():
        key, rows = json.loads(line)
        yield key, rows


def work(city: Installation, home: Path, folder: Path) -> list[Op]:
    """Let one process work under the recorder."""
    known = {file.stat().st_ino for file in home.rglob("*") if file.is_file()}
    library, into = folder / "recorder.so", folder / "record"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, HERE / "recorder.c", "-ldl"], check=True)
    under = {"LD_PRELOAD": str(library), "RECORD_ROOT": str(home), "RECORD_TO": str(into)}
    city.env |= under
    city.run("work", str(MESSAGES))
    for name in under:
        del city.env[name]
    return ops_of(into, known)


class Checker:
    """A process that starts the system on one restored folder after the other."""

    def __init__(self, city: Installation) -> None:
        self.process = subprocess.Popen(
            city.part("check"), env=city.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=city.log.open("a"), text=True,
        )  # fmt: skip

    def told(self, home: Path, acknowledged: dict[str, int], in_flight: list[str]) -> dict[str, object]:
        asked = {"home": str(home), "acknowledged": acknowledged, "in_flight": in_flight}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the checking process ended")
        return json.loads(line)


def cut_often(city: Installation, folder: Path, cuts: int, seed: int) -> tuple[Counter[str], list[str], Counter[str]]:
    """Cut at `cuts` random moments; gives what was wrong in all, the lines that say where, and what was cut."""
    home = Path(city.env["CITYWATCH_HOME"]).resolve()
    disk, draw = Disk(home), random.Random(seed)
    ops = work(city, home, folder)
    marks = next(op.file for op in ops if op.kind == "C" and op.name.endswith("/marks"))
    all_keys = [key for op in ops if op.kind == "W" and op.file == marks for key, _ in acknowledged_in(op)]
    answered = [at for at, op in enumerate(ops, start=1) if op.kind == "W" and op.file == marks]
    # Half of the cuts come just after an answer went out: what it promised must already be safe.
    moments = Counter(
        min(len(ops), draw.choice(answered) + draw.randrange(3)) if half else draw.randrange(1, len(ops))
        for half in (draw.random() < 0.5 for _ in range(cuts))
    )
    checker, acknowledged, wrong, lines = Checker(city), {}, Counter(), []
    seen: Counter[str] = Counter(op.kind for op in ops)
    for number, op in enumerate(ops, start=1):
        disk.do(op)
        if op.kind == "W" and op.file == marks:
            acknowledged |= dict(acknowledged_in(op))
        for again in range(moments[number]):
            there, folders = disk.cut(draw)
            restored = folder / f"cut-{number}-{again}"
            lay(restored, home, there, folders)
            told = checker.told(restored, acknowledged, [key for key in all_keys if key not in acknowledged])
            bad = {name: told.get(name) for name in MUST_BE_NOTHING if told.get(name)}
            if told.get("broken"):
                bad["broken"] = told["broken"]
            wrong.update(bad.keys())
            if bad:
                lines.append(f"cut {number} of {len(ops)} ({op.kind} {op.name}): {bad}")
            wrong["cuts"] += 1
            wrong["acknowledged"] += len(acknowledged)
            shutil.rmtree(restored)
    return wrong, lines, seen


def lay(restored: Path, home: Path, there: dict[str, bytes], folders: set[str]) -> None:
    for one in sorted(folders):
        (restored / Path(one).relative_to(home)).mkdir(parents=True, exist_ok=True)
    for name, content in there.items():
        (restored / Path(name).relative_to(home)).write_bytes(content)


def main() -> int:
    given = sys.argv[1:]
    cuts, seed = (int(word) for word in (given + ["500", "1"][len(given) :])[:2])
    if shutil.which("cc") is None:
        print("left out: no C compiler for the recorder (apt install gcc)")
        return 0
    with tempfile.TemporaryDirectory(prefix="citywatch-power-") as made, installation("sqlite") as city:
        wrong, lines, seen = cut_often(city, Path(made), cuts, seed)
    print(*lines, sep="\n", end="\n" if lines else "")
    print(
        f"{wrong['cuts']} power cuts, seed {seed}, in {seen.total()} operations ({seen['W']} writes, {seen['S']} file "
        f"syncs, {seen['D']} folder syncs); {wrong['acknowledged'] / max(1, wrong['cuts']):.0f} messages acknowledged "
        "before a cut on average"
    )
    for name in MUST_BE_NOTHING:
        print(f"  cuts with {name.replace('_', ' ')}: {wrong[name]} of {wrong['cuts']}")
    print(f"  cuts with a broken journal: {wrong['broken']} of {wrong['cuts']}")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
