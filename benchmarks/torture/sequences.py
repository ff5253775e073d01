"""Duplicate, reorder, retry, split, conflict and sudden death through the API: the stored set is the model's.

Run: python benchmarks/torture/sequences.py [sequences] [sqlite|postgresql] [first seed]

The oracle is `tests/torture/sequences.py`. A sequence that differs is printed with its seed, which becomes a test.
"""

import logging
import os
import sys
from collections import Counter

from installation import installation


def main() -> int:
    given = sys.argv[1:]
    sequences, database, first = (given + ["10000", "sqlite", "0"][len(given) :])[:3]
    with installation(database) as city:
        os.environ.update(city.env, CITYWATCH_MODE="test")
        try:
            return _run(int(sequences), database, int(first))
        finally:
            _hang_up()


def _run(sequences: int, database: str, first: int) -> int:
    import django  # noqa: PLC0415 - the environment had to be set first

    django.setup()
    logging.getLogger("django.request").setLevel(logging.CRITICAL)  # refusals are asked for here
    from tests.torture.door import Door, held  # noqa: PLC0415
    from tests.torture.sequences import Delivery, drawn, expected  # noqa: PLC0415

    from citywatch.mechanisms.journal import services as journal  # noqa: PLC0415
    from citywatch.mechanisms.receipts.models import Receipt  # noqa: PLC0415

    door, deliveries, failed = Door(), 0, 0
    answers: Counter[int] = Counter()
    for seed in range(first, first + sequences):
        steps = drawn(seed)
        told, must_be = held(steps, door.deliver(steps)), expected(steps)
        deliveries += sum(isinstance(step, Delivery) for step in steps)
        answers.update(told.answers)
        if told != must_be:
            failed += 1
            print(f"seed {seed}:", *steps, f"held: {told}", f"model: {must_be}", sep="\n  ")
        if seed % 500 == 499:
            print(f"  {seed + 1 - first} sequences, {failed} failed", file=sys.stderr, flush=True)
    rows = Receipt.objects.filter(state="processed").values_list("rows", "stored", "duplicate", "quarantined")
    unaccounted = sum(came != stored + twice + waiting for came, stored, twice, waiting in rows)
    broken = journal.first_broken()
    told = ", ".join(f"{status or 'no answer'}: {times}" for status, times in sorted(answers.items()))
    print(
        f"{database}: {sequences} sequences from seed {first}, {deliveries} deliveries ({told})\n"
        f"  differing from the model: {failed} of {sequences}; messages unaccounted for: {unaccounted} of {len(rows)}; "
        f"journal: {broken or 'every chain holds'}"
    )
    return 1 if failed or unaccounted or broken else 0


def _hang_up() -> None:
    """A database that somebody is still connected to does not stop."""
    from django.db import connections  # noqa: PLC0415

    connections.close_all()


if __name__ == "__main__":
    sys.exit(main())
