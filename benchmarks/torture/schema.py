"""Every operation of the API asked what its description allows and forbids: none may break.

Run: python benchmarks/torture/schema.py [requests] [sqlite|postgresql] [seed]
"""

import logging
import os
import sys

from installation import installation

OPERATIONS = 70  # about as many there are: every one is asked equally often


def main() -> int:
    given = sys.argv[1:]
    requests, database, seed = (given + ["10000", "sqlite", "1"][len(given) :])[:3]
    with installation(database) as city:
        os.environ.update(city.env, CITYWATCH_MODE="test")
        try:
            return _run(int(requests), database, int(seed))
        finally:
            _hang_up()


def _run(requests: int, database: str, seed: int) -> int:
    import django  # noqa: PLC0415 - the environment had to be set first

    django.setup()
    logging.getLogger("django.request").setLevel(logging.CRITICAL)  # refusals are asked for here
    from tests.conftest import NOON  # noqa: PLC0415
    from tests.torture.operations import ask_everything  # noqa: PLC0415

    from citywatch.mechanisms import clock  # noqa: PLC0415

    clock.now = lambda: NOON  # the rows that are known to be good are of that day
    statuses, broke = ask_everything(max(3, round(requests / OPERATIONS)), seed=seed)
    print(*broke[:20], sep="\n", end="\n" if broke else "")
    told = ", ".join(f"{status}: {times}" for status, times in sorted(statuses.items()))
    print(f"{database}: {statuses.total()} requests, seed {seed} ({told}); broken: {len(broke)} of {statuses.total()}")
    return 1 if broke else 0


def _hang_up() -> None:
    """A database that somebody is still connected to does not stop."""
    from django.db import connections  # noqa: PLC0415

    connections.close_all()


if __name__ == "__main__":
    sys.exit(main())
