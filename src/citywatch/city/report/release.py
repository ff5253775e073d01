"""What the public pages say from one release to the next, so that two of them subtracted do not point at a person.

A count that may be shown can still tell of one new case: 41 yesterday and 42 today. So a released count of people moves
when it has changed by as much as may be shown, and stays where it was until then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from citywatch.city.report.types import PressSheet
from citywatch.mechanisms.labels import Label
from citywatch.science.disclosure import suppress_small_counts


@dataclass(frozen=True, slots=True)
class Released:
    """The counts of one release, None where withheld: totals in the order of the sheet's figures, and by district."""

    totals: tuple[int | None, ...]
    districts: dict[str, int | None]


def numbers(sheet: PressSheet) -> Released:
    """What a sheet says, by the districts' Chinese names."""
    return Released(tuple(line.total for line in sheet.figures), {name.zh: count for name, count in sheet.districts})


def held_back(sheet: PressSheet, before: Released | None, *, people: Sequence[bool]) -> PressSheet:
    """The sheet with every count of people that moved too little as it was released before.

    Where one held district would be given back by the total and the others, another is held with it. `people` says
    which figures count people; the first figure is the districts' total. What was withheld before tells nothing to
    subtract, so it is judged by its size alone.
    """
    if before is None:
        return sheet
    least = sheet.threshold
    names = [name.zh for name, _ in sheet.districts]
    moved = [_moved(count, before.districts.get(name.zh)) for name, count in sheet.districts]
    told = [index for index, change in enumerate(moved) if change is not None]
    steps = suppress_small_counts(np.array([moved[index] for index in told], dtype=float), threshold=least)
    whole = len(told) == len(names)  # a district whose change nobody can know hides the others' behind it
    hidden = ~steps.shown if whole else steps.primary
    held = {told[at] for at in np.flatnonzero(hidden).tolist()}
    districts = tuple(
        (name, before.districts[name.zh] if index in held else count)
        for index, (name, count) in enumerate(sheet.districts)
    )
    figures = []
    for index, line in enumerate(sheet.figures):
        was = before.totals[index] if index < len(before.totals) else None
        change = _moved(line.total, was)
        small = people[index] and change is not None and 0 < change < least
        given_back = index == 0 and whole and not steps.total_shown and was is not None
        figures.append(replace(line, total=was) if small or given_back else line)
    return replace(sheet, figures=tuple(figures), districts=districts)


def _moved(now: int | None, before: int | None) -> int | None:
    return None if now is None or before is None else abs(now - before)


GUIDANCE: tuple[tuple[Label, tuple[Label, ...]], ...] = (
    (
        Label("出现发热、咳嗽等症状时", "With fever, cough or a sore throat"),
        (
            Label(
                "佩戴口罩，尽量不乘坐公共交通工具，到就近的发热门诊就诊。",
                "Wear a mask, keep off public transport where you can, and go to the nearest fever clinic.",
            ),
            Label(
                "就诊时如实告知14天内去过的地方和接触过的人。",
                "Tell the doctor where you were and whom you met in the last 14 days.",
            ),
            Label("不要自行服药后继续上班、上学。", "Do not take medicine and go on to work or school."),
        ),
    ),
    (
        Label("到过公布的风险点位时", "If you were at a published risk point"),
        (
            Label("立即向所在社区和单位报告。", "Tell your community and your employer at once."),
            Label(
                "按社区安排进行核酸检测，结果出来前留在家中。",
                "Be tested as your community arranges, and stay at home until the result is known.",
            ),
        ),
    ),
    (
        Label("日常防护", "Every day"),
        (
            Label(
                "勤洗手，常通风；人多的室内场所佩戴口罩。", "Wash hands, air rooms, wear a mask where it is crowded."
            ),
            Label(
                "处理生鲜、冷冻食品后洗手，生熟分开。",
                "Wash hands after fresh or frozen food; keep raw and cooked apart.",
            ),
        ),
    ),
)
"""General advice in force throughout; a city's own is published by its health commission and goes before it."""
