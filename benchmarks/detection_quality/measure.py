"""What a method's alarms are worth on a study with known outbreaks: one row of figures."""

import warnings
from dataclasses import dataclass

import numpy as np

from citywatch.science.detect.catalogue import METHODS

HEAD = ("FPR", "POD", "POD1", "sensitivity", "specificity", "PPV", "delay")


@dataclass(frozen=True, slots=True)
class Answers:
    """Chances and alarms of one method: on the base series, and on each outbreak's series; (rows, tested points)."""

    p_base: np.ndarray
    alarm_base: np.ndarray
    p_outbreak: np.ndarray
    alarm_outbreak: np.ndarray


def ask(name, study, settings=None, *, rows=600, **context):
    """Every base series and every outbreak's whole series through the method, as a stranger would hand them over."""
    method = METHODS[name]
    resolved = method.resolve(settings or {})

    def judged(series):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            found = method.judge(series, resolved, start=study.first, **context)
        return found.p_value, found.alarm

    base = [judged(study.base[k : k + rows]) for k in range(0, len(study.base), rows)]
    numbers = [np.arange(len(study.of))[k : k + rows] for k in range(0, len(study.of), rows)]
    laid = [judged(study.with_outbreak(part)) for part in numbers]
    return Answers(*(np.concatenate(column) for column in (*zip(*base, strict=True), *zip(*laid, strict=True))))


def ask_where_it_counts(name, study, settings=None, **context):
    """As `ask`, but each outbreak's series ends with its outbreak and is judged from its first point on.

    The answers inside the outbreaks are the same, for a fraction of the work; outside they are those of the base
    series, which differ only after an outbreak's end.
    """
    method = METHODS[name]
    resolved = method.resolve(settings or {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        base = method.judge(study.base, resolved, start=study.first, **context)
        p_value, alarm = base.p_value[study.of], base.alarm[study.of]
        for start in np.unique(study.start):
            rows = np.flatnonzero(study.start == start)
            stop = study.end[rows].max() + 1
            series = study.with_outbreak(rows)[:, :stop]
            given = {key: value[:stop] if key in {"dates", "holidays"} else value for key, value in context.items()}
            found = method.judge(series, resolved, start=int(start), **given)
            inside = np.arange(start, stop) <= study.end[rows, None]
            columns = slice(start - study.first, stop - study.first)
            p_value[rows, columns] = np.where(inside, found.p_value, p_value[rows, columns])
            alarm[rows, columns] = np.where(inside, found.alarm, alarm[rows, columns])
    return Answers(base.p_value, base.alarm, p_value, alarm)


def figures(study, alarm_base, alarm_outbreak):
    """False-positive rate, probability of detection and the rest, as the study's papers define them."""
    points = np.arange(alarm_outbreak.shape[1]) + study.first
    inside = (points >= study.start[:, None]) & (points <= study.end[:, None])
    caught = alarm_outbreak & inside
    found = caught.any(axis=1)
    first = alarm_outbreak[np.arange(len(study.of)), study.start - study.first]
    delay = (caught.argmax(axis=1) + study.first - study.start)[found]
    outside = ~inside
    true, false = caught.sum(), (alarm_outbreak & outside).sum()
    return {
        "FPR": alarm_base.mean(),
        "POD": found.mean(),
        "POD1": first.mean(),
        "sensitivity": true / inside.sum(),
        "specificity": 1.0 - false / outside.sum(),
        "PPV": true / max(true + false, 1),
        "delay": delay.mean() if delay.size else np.nan,
    }


def at_rate(study, answers, rate):
    """The same with the p-value's limit put where it gives exactly this rate of false alarms."""
    chances = np.sort(np.where(np.isnan(answers.p_base), 1.0, answers.p_base).ravel())
    limit = chances[max(int(rate * chances.size) - 1, 0)]
    return figures(study, answers.p_base <= limit, answers.p_outbreak <= limit)


def standard_error(share, number):
    return float(np.sqrt(share * (1.0 - share) / number))
