"""The code broken on purpose, one wall at a time: does the walk of `leaks.py` notice? A proof that it can fail.

Run: python benchmarks/torture/mutants.py [worlds for each mutant] [name of one mutant]

Each mutant is one edit of a copy of the tree. It is caught if a walk of so many worlds names a leak; a walk that breaks
off without naming one does not count. Exit 1 if fewer than 95 % are caught, or an edit no longer fits the code.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ASKED = 0.95
_COPIED = ("src", "tests", "scripts", "benchmarks", "pyproject.toml")


@dataclass(frozen=True, slots=True)
class Mutant:
    """What goes wrong in words, and the edit: the first `old` in a file of the house becomes `new`.

    `behind` is a second edit of the same form, where one wall stands behind another and either alone would hold.
    """

    name: str
    file: str
    old: str
    new: str
    behind: tuple[str, str, str] | None = None

    @property
    def edits(self) -> list[tuple[str, str, str]]:
        return [(self.file, self.old, self.new), *([self.behind] if self.behind else [])]


_SCOPE, _RIGHTS = "mechanisms/jurisdiction/models.py", "mechanisms/jurisdiction/services.py"
_VAULT, _DOOR, _API_DOOR = "mechanisms/vault/services.py", "city/registry/access.py", "server/api/asking.py"
_CONTACTS, _CASES = "city/trace/queries/contacts.py", "city/trace/queries/cases.py"
_INVESTIGATIONS, _ROWS = "city/trace/queries/investigations.py", "city/trace/services/rows.py"
_LAB, _DESK, _WARN = "city/lab/queries.py", "city/warn/desk.py", "city/warn/queries.py"
_RESPOND, _SENSE, _EXPORTS = "city/respond/queries.py", "city/sense/services.py", "mechanisms/vault/exporting.py"

MUTANTS = (
    Mutant("the scope gives every row", _SCOPE, "return self.filter(reach)", "return self.all()"),
    Mutant("who holds nothing sees everything", _SCOPE, "return self.none()", "return self.all()"),
    Mutant(
        "a place reaches its neighbours", _SCOPE, "place__path__startswith=path)", "place__path__startswith=path[:9])"
    ),
    Mutant("an emergency shows any row of its kind", _SCOPE, 'Q(**{f"{field}__in": opened})', "Q(pk__gt=0)"),
    Mutant(
        "hidden and absent are told apart",
        _SCOPE,
        "        if len(found) != len(set(ids)):\n",
        "        if len(found) != len(set(ids)) == self.model._base_manager.filter(pk__in=ids).count():\n"
        "            raise NotAllowed(NOTHING_HERE, zh=NOTHING_HERE_ZH)\n        if len(found) != len(set(ids)):\n",
    ),
    Mutant(
        "an ability anywhere is one everywhere",
        _SCOPE,
        "if not viewer.may(ability, place.path):",
        "if not viewer.may_anywhere(ability):",
    ),
    Mutant("a right that has ended still counts", _RIGHTS, " or (held.until is not None and held.until <= at)", ""),
    Mutant(
        "somebody holds two separated rights", _RIGHTS, "SEPARATED & reach.keys()) > 1", "SEPARATED & reach.keys()) > 3"
    ),
    Mutant(
        "an emergency never ends",
        _RIGHTS,
        "_opened(account, at) if opened else {}",
        "_opened(account, datetime(2000, 1, 1, tzinfo=at.tzinfo))",
    ),
    Mutant(
        "an emergency opens for everybody",
        _RIGHTS,
        "_opened(account, at) if opened else {}",
        "{kind: frozenset(Opening.objects.filter(kind=kind, until__gt=at).values_list('number', flat=True))"
        " for kind in Opening.objects.values_list('kind', flat=True)}",
    ),
    Mutant("a revoked key still opens", _RIGHTS, " AND machine.revoked_at IS NULL", ""),
    Mutant(
        "the door of pages stands open",
        _DOOR,
        "if not any(viewer.may_anywhere(ability) for ability in abilities):",
        "if not abilities:",
    ),
    Mutant(
        "the door of the API stands open",
        _API_DOOR,
        "if not any(viewer.may_anywhere(ability) for ability in abilities):",
        "if not abilities:",
    ),
    Mutant("a masked name is shown whole", _VAULT, "Identity(**told).masked()", "Identity(**told)"),
    Mutant(
        "masking masks nothing", "mechanisms/vault/types.py", 'return name[:1] + "*" * (len(name) - 1)', "return name"
    ),
    Mutant("masked names of anybody", _VAULT, '.visible_to(by, "vault.masked")', ""),
    Mutant(
        "an identity is opened for anybody", _VAULT, "KnownAt.objects.visible_to(by).filter", "KnownAt.objects.filter"
    ),
    Mutant("any case by its number", _CASES, "Case.objects.visible_to(viewer)", "Case.objects"),
    Mutant("any case to be worked on", _ROWS, "Case.objects.visible_to(by)", "Case.objects"),
    Mutant(
        "the place of a case to be worked on is not asked", _ROWS, '    must(by, "trace.investigate", case.place)\n', ""
    ),
    Mutant("any contact on the list", _CONTACTS, "Contact.objects.visible_to(viewer)", "Contact.objects"),
    Mutant(
        "late contacts of the whole city counted",
        _CONTACTS,
        "Clock.objects.visible_to(viewer, Contact.VIEW).filter",
        "Clock.objects.filter",
    ),
    Mutant(
        "hand-overs of anybody",
        _CONTACTS,
        "model.objects.visible_to(viewer).filter(pk__in=given)",
        "model.objects.filter(pk__in=given)",
    ),
    Mutant(
        "an investigation by anybody's case",
        _INVESTIGATIONS,
        "Case.objects.visible_to(replace(viewer, opened={}))",
        "Case.objects",
    ),
    Mutant("an emergency shows the investigation too", _INVESTIGATIONS, "replace(viewer, opened={})", "viewer"),
    Mutant(
        "an investigation's cases of all districts",
        _INVESTIGATIONS,
        'Case.objects.visible_to(viewer).filter(pk=OuterRef("pk"))',
        'Case.objects.filter(pk=OuterRef("pk"))',
    ),
    Mutant(
        "an investigation's history of all places",
        _INVESTIGATIONS,
        'Entry.objects.visible_to(viewer).filter(pk=OuterRef("pk"))',
        'Entry.objects.filter(pk=OuterRef("pk"))',
    ),
    Mutant(
        "risk points before they are one's own",
        "city/trace/queries/places.py",
        "RiskPoint.objects.visible_to(viewer)",
        "RiskPoint.objects.all()",
    ),
    Mutant(
        "any sample by its number",
        _LAB,
        'Sample.objects.visible_to(viewer).select_related("place", "lab_place").pick_one',
        'Sample.objects.select_related("place", "lab_place").pick_one',
    ),
    Mutant("loose ends of every laboratory", _LAB, 'Entry.objects.visible_to(viewer, "lab.view")', "Entry.objects"),
    Mutant(
        "the desk counts the whole city",
        _DESK,
        'Proposal.objects.visible_to(viewer).filter(state__in=OPEN).values("level", "hazard")',
        'Proposal.objects.filter(state__in=OPEN).values("level", "hazard")',
    ),
    Mutant("views somebody else saved", _DESK, "visible_to(viewer).filter(owner=viewer.actor)", "visible_to(viewer)"),
    Mutant("deleting what somebody else saved", _DESK, "visible_to(by).filter(owner=by.actor)", "visible_to(by)"),
    Mutant(
        "any proposal by its number",
        _WARN,
        "with_due(Proposal.objects.visible_to(viewer)).pick_one",
        "with_due(Proposal.objects.all()).pick_one",
    ),
    Mutant("orders to anybody", _RESPOND, "Order.objects.visible_to(viewer)", "Order.objects"),
    Mutant("an incident's log of all places", _RESPOND, "Entry.objects.visible_to(viewer)", "Entry.objects"),
    Mutant(
        "any receipt by its number",
        "city/sense/views.py",
        "Receipt.objects.visible_to(viewer_of(request))",
        "Receipt.objects",
    ),
    Mutant(
        "any submission by its number",
        "city/sense/queries.py",
        "Submission.objects.visible_to(viewer).filter(pk__in=ids)",
        "Submission.objects.filter(pk__in=ids)",
    ),
    Mutant(
        "any quarantined row to be mended", _SENSE, "QuarantinedRow.objects.visible_to(by)", "QuarantinedRow.objects"
    ),
    Mutant(
        "the place of a row to be dropped is not asked",
        _SENSE,
        '    row = _unsettled(row_id, by=by, hold=True)\n    must(by, "sense.submit", row.place)\n    _settle',
        "    row = _unsettled(row_id, by=by, hold=True)\n    _settle",
    ),
    Mutant(
        "one's own export approved by oneself",
        _EXPORTS,
        'if by.actor == f"account:{made.account_id}":',
        'if by.actor == "nobody":',
    ),
    Mutant(
        "a search finds any case",
        "city/trace/queries/finding.py",
        "Case.objects.visible_to(viewer).filter(cases)",
        "Case.objects.filter(cases)",
    ),
    Mutant(
        "a search finds any sample",
        _LAB,
        "Sample.objects.visible_to(viewer).filter(barcode",
        "Sample.objects.filter(barcode",
    ),
    Mutant(
        "somebody else's export taken",
        _EXPORTS,
        "Export.objects.filter(account=account), number",
        "Export.objects.all(), number",
        (
            "server/exports/views.py",
            "Export.objects.filter(pk=_number(request), account=account)",
            "Export.objects.filter(pk=_number(request))",
        ),
    ),
)


def main() -> int:
    given = sys.argv[1:]
    worlds, wanted = int(given[0]) if given else 200, given[1] if len(given) > 1 else ""
    asked = [one for one in MUTANTS if wanted in one.name]
    caught = stale = 0
    with tempfile.TemporaryDirectory(prefix="citywatch-mutants-") as folder:
        copy = Path(folder)
        for name in _COPIED:
            _copy(ROOT / name, copy / name)
        for number, one in enumerate(asked, start=1):
            said = _tried(one, copy, worlds)
            caught += said.startswith("caught")
            stale += said.startswith("no longer fits")
            print(f"{number:>3}/{len(asked)} {one.name}: {said}", flush=True)
    share = caught / len(asked)
    print(f"{caught} of {len(asked)} mutants caught ({share:.1%}; asked are {ASKED:.0%}), {worlds} worlds each at most")
    return int(share < ASKED or stale > 0)


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        shutil.copy(source, target)
        return
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))


def _tried(one: Mutant, copy: Path, worlds: int) -> str:
    """Break the copy, walk it, mend it; what came of it."""
    sound: dict[Path, str] = {}
    for name, old, _ in one.edits:
        file = copy / "src" / "citywatch" / name
        sound[file] = file.read_text()
        if old not in sound[file]:
            return f"no longer fits {name}; write it anew"
    for name, old, new in one.edits:
        file = copy / "src" / "citywatch" / name
        file.write_text(sound[file].replace(old, new, 1))
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    walk, laid = copy / "benchmarks" / "torture" / "leaks.py", copy / "laid.sqlite3"
    _forget_compiled(sound)
    command = [sys.executable, str(walk), str(worlds), "sqlite", "1", "1", str(laid)]
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=copy)
    finally:
        for file, text in sound.items():
            file.write_text(text)
        _forget_compiled(sound)
    lines = done.stdout.splitlines()
    if done.returncode == 1 and lines and "leaks: " in lines[-1]:
        after = lines[-1].split(": ", 1)[1].split(",")[0]
        return f"caught in {after} by {lines[0][:160]}"
    return "not caught" if done.returncode == 0 else f"broke off: {done.stderr.strip().splitlines()[-1:]}"


def _forget_compiled(files: Iterable[Path]) -> None:
    for file in files:
        Path(cache_from_source(str(file))).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
