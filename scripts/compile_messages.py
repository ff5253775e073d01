"""Compile every `locale/*/LC_MESSAGES/*.po` under src to the .mo file beside it (`make setup`; needs no gettext tools).

A catalogue that is newer than its source is left alone, so a second run takes no time.
"""

import sys
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

SOURCES = Path(__file__).resolve().parents[1] / "src"


def main() -> int:
    """Compile what changed; 1 with one line a file when a catalogue cannot be read."""
    broken = 0
    for po in sorted(SOURCES.rglob("locale/*/LC_MESSAGES/*.po")):
        try:
            compile_catalogue(po)
        except (PoFileError, ValueError) as failure:
            print(f"{po.relative_to(SOURCES)}: {failure}; mend this entry.", file=sys.stderr)
            broken = 1
    return broken


def compile_catalogue(po: Path) -> Path:
    """Write the .mo beside a .po unless it is already newer; returns its path."""
    mo = po.with_suffix(".mo")
    if not mo.exists() or mo.stat().st_mtime <= po.stat().st_mtime:
        with po.open("rb") as source:
            catalogue = read_po(source, locale=po.parents[1].name, abort_invalid=True)
        with mo.open("wb") as target:
            write_mo(target, catalogue)
    return mo


if __name__ == "__main__":
    sys.exit(main())
