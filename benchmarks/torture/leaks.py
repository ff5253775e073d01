"""Random cities walked by everybody in them: nobody reads what is not theirs, nothing hidden changes an answer.

Run: python benchmarks/torture/leaks.py [worlds] [sqlite|postgresql] [first seed] [leaks to stop at] [laid] [minutes]

Each world draws who holds which role where, its people and papers, and then a sample of (who, address, row): see
tests/canary. A seed makes the same world again. `laid` is a file that keeps SQLite's empty tables for the next run.
It says how far it is every 100 worlds, and ends after `minutes` with what it has by then.
"""

import logging
import os
import shutil
import sys
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT), str(ROOT / "scripts")]

from private_postgres import cluster  # noqa: E402 - found by the line above

_TOLD_EACH = 100
LOOKS, POSTS = 10, 7
"""Of each world, drawn anew: a world costs more than its requests, and a new one shows more than a long stay in one.

Two looks more go to cases opened in an emergency; about half of the looks are asked again without what is hidden.
"""


def main() -> int:
    given = sys.argv[1:]
    usual = ["10000", "sqlite", "1000", "20", "", "600"]
    worlds, database, seed, enough, laid, minutes = (given + usual[len(given) :])[: len(usual)]
    with ExitStack() as stack:
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        os.environ["DATABASE_URL"] = stack.enter_context(cluster()) if database == "postgresql" else ""
        try:
            _lay(laid)
            return _run(int(worlds), database, int(seed), int(enough), float(minutes))
        finally:
            _hang_up()


def _lay(laid: str) -> None:
    """Make the tables, or take them from a file where an earlier run left them."""
    import django  # noqa: PLC0415 - the environment had to be set first

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    if laid and Path(laid).exists():
        shutil.copy(laid, connection.settings_dict["NAME"])
        return
    call_command("migrate", verbosity=0)
    if laid:
        connection.close()
        shutil.copy(connection.settings_dict["NAME"], laid)


def _run(worlds: int, database: str, seed: int, enough: int, at_most: float) -> int:
    logging.disable(logging.CRITICAL)  # refusals are asked for here
    from django.conf import settings  # noqa: PLC0415
    from tests.canary.crawl import Crawler, Found  # noqa: PLC0415
    from tests.canary.ground import AT, lay_base  # noqa: PLC0415

    from citywatch.mechanisms import clock  # noqa: PLC0415

    settings.ALLOWED_HOSTS = ["testserver"]
    os.fsync = lambda _: None  # nobody pulls the plug here: see power.py
    clock.now = lambda: AT
    crawler, found, began = Crawler(lay_base()), Found(), time.monotonic()
    for number in range(worlds):
        found += crawler.world(seed + number, looks=LOOKS, posts=POSTS)
        minutes = (time.monotonic() - began) / 60
        if len(found.wrong) >= enough or minutes > at_most:
            break
        if found.worlds % _TOLD_EACH == 0:
            so_far = f"{found.worlds} worlds, {found.asked} requests, {len(found.wrong)} leaks in {minutes:.1f} min"
            print(so_far, *found.wrong, sep="\n", file=sys.stderr, flush=True)
    minutes = (time.monotonic() - began) / 60
    print(*found.wrong[:enough], sep="\n", end="\n" if found.wrong else "")
    print(
        f"{database}: {found.worlds} worlds, seeds from {seed}, {found.asked} requests ({found.read} pages shown, "
        f"{found.refused} changes refused, {found.compared} compared with what is not there); "
        f"leaks: {len(found.wrong)} of {found.asked} in {minutes:.1f} min ({found.worlds / minutes:.0f} worlds/min)"
    )
    return 1 if found.wrong else 0


def _hang_up() -> None:
    """A database that somebody is still connected to does not stop."""
    from django.db import connections  # noqa: PLC0415

    connections.close_all()


if __name__ == "__main__":
    sys.exit(main())
