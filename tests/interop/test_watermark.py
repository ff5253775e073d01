"""A leaked part of a list tells whose it was."""

import random

from citywatch.interop.tables.watermark import SURE, likeness, marked, whose

COLUMN = 2
LIST = [[str(1000 + n), f"王{'*' * (n % 3 + 1)}", ("已转运", "待转运", "")[n % 3], f"地点{n % 17}"] for n in range(400)]
MARKS = {number: f"{number:032x}" for number in range(20)}
TRIALS = 30


def leaks(seed):
    """Fifty rows of one person's file, as they stood in it."""
    chance = random.Random(seed)
    number = chance.randrange(len(MARKS))
    file = marked(LIST, mark=MARKS[number], column=COLUMN)
    return number, [file[at] for at in sorted(chance.sample(range(len(file)), 50))], chance


def test_fifty_rows_tell_whose_they_were_also_sorted_or_trimmed():
    found = {"as it was": 0, "sorted": 0, "trimmed": 0}
    for seed in range(TRIALS):
        number, part, chance = leaks(seed)
        ways = {
            "as it was": part,
            "sorted": sorted(part),
            "trimmed": [[cell.strip() for cell in row] for row in part],
        }
        way = chance.choice(list(ways)) if seed >= 15 else list(ways)[seed % 3]
        found[way] += 1
        assert whose(ways[way], MARKS, column=COLUMN) == number, (seed, way)
    assert all(found.values())


def test_rows_that_nobody_exported_accuse_nobody():
    for seed in range(TRIALS):
        chance = random.Random(seed)
        part = [[*row[:COLUMN], row[COLUMN] + chance.choice(("", " ")), *row[COLUMN + 1 :]] for row in LIST]
        assert whose(chance.sample(part, 50), MARKS, column=COLUMN) is None


def test_both_tricks_together_hide_it_and_we_say_so():
    """Sorted and trimmed nothing is left to find: the mark everybody sees is what remains, and the journal."""
    _, part, _ = leaks(1)
    bare = sorted([cell.strip() for cell in row] for row in part)

    assert max(likeness(bare, mark=mark, column=COLUMN) for mark in MARKS.values()) < SURE


def test_the_mark_changes_no_word():
    file = marked(LIST, mark=MARKS[7], column=COLUMN)

    assert sorted([cell.strip() for cell in row] for row in file) == sorted(LIST)
