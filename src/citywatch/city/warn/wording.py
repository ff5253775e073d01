"""The one line that says why: signals and positives in words, in both languages."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache

from citywatch.city.registry import reference
from citywatch.city.warn import rules
from citywatch.city.warn.types import SignalFacts
from citywatch.mechanisms.clock import SHANGHAI
from citywatch.mechanisms.labels import Label

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def stream_words(stream: str) -> Label:
    return rules.STREAM_WORDS.get(stream, Label(stream, stream))


def syndrome_words(syndrome: str, on: date) -> Label:
    """The words of a symptom, a drug class or a disease code."""
    return _plain_words().get(syndrome) or _disease_words(on).get(syndrome) or Label(syndrome, syndrome)


def hazard_words(hazard: str, on: date) -> Label:
    return rules.HAZARD_WORDS.get(hazard) or syndrome_words(hazard, on)


def event_title(place: Label, *, hazard: str, on: date, positives: int) -> Label:
    """What a verified event is called."""
    word = hazard_words(hazard, on)
    if positives:
        return Label(f"{place.zh}{word.zh}核酸阳性", f"{word.en} PCR positive, {place.en}")
    return Label(f"{place.zh}“{word.zh}”聚集", f"{word.en} cluster, {place.en}")


def why(
    place: Label,
    signals: Sequence[SignalFacts],
    *,
    positives: int = 0,
    first_positive_at: datetime | None = None,
    hazard: str = "",
) -> Label:
    """Why a proposal stands: its strongest ground first, then every other stream once."""
    lead = [_positives(hazard, positives, first_positive_at)] if positives and first_positive_at else []
    best: dict[str, SignalFacts] = {}
    for signal in sorted(signals, key=lambda one: -one.score):
        best.setdefault(signal.key.stream, signal)
    strongest = list(best.values())
    if not lead and strongest:
        lead, strongest = [_figures(strongest[0])], strongest[1:]
    also = [Label(f"{s.stream.zh}“{s.syndrome.zh}”", f"{s.stream.en} {s.syndrome.en}") for s in strongest]
    zh = place.zh + "；".join(part.zh for part in lead)
    en = f"{place.en}: " + "; ".join(part.en for part in lead)
    if also:
        zh += f"；72小时内同街道{'、'.join(part.zh for part in also)}亦异常"
        en += f"; within 72 h in the same street also {' and '.join(part.en for part in also)}"
    return Label(f"{zh}。", f"{en}.")


def alert_text(title: Label, *, level: str, why_sentence: Label, at: datetime) -> Label:
    """The text of a published alert."""
    when = at.astimezone(SHANGHAI)
    word = rules.LEVEL_WORDS[level]
    return Label(
        f"【{word.zh}预警】{title.zh}。{why_sentence.zh}发布时间{when:%Y-%m-%d %H:%M}。",
        f"{word.en} alert: {title.en}. {why_sentence.en} Published {when:%Y-%m-%d %H:%M}.",
    )


def _figures(signal: SignalFacts) -> Label:
    day, unit = signal.last_day, "笔" if signal.key.stream == "pharmacy" else "例"
    home_zh, home_en = ("（按居住地）", ", by home street") if signal.key.by == "home" else ("", "")
    told = f"{day.month}月{day.day}日{signal.stream.zh}“{signal.syndrome.zh}”{signal.observed}{unit}{home_zh}"
    said = f"{signal.observed} {signal.stream.en} {signal.syndrome.en} on {day.day} {_MONTHS[day.month - 1]}{home_en}"
    if signal.p is None:
        return Label(f"{told}（单病例预警）", f"{said} (single-case rule)")
    if signal.observed <= signal.upper:  # C3 alone: no day stands out, three together do
        return Label(
            f"{told}，基线日均{signal.expected:.1f}{unit}，近三日合计偏高",
            f"{said}; baseline {signal.expected:.1f} a day, high over three days together",
        )
    return Label(
        f"{told}，基线日均{signal.expected:.1f}{unit}，上限{signal.upper:.1f}{unit}",
        f"{said}; baseline {signal.expected:.1f} a day, upper bound {signal.upper:.1f}",
    )


def _positives(hazard: str, number: int, first: datetime) -> Label:
    when = first.astimezone(SHANGHAI)
    word = hazard_words(hazard, when.date())
    return Label(
        f"{word.zh}核酸阳性{number}例，首例{when.month}月{when.day}日{when:%H:%M}检出",
        f"{number} {word.en} PCR positive, the first recorded {when.day} {_MONTHS[when.month - 1]} {when:%H:%M}",
    )


@lru_cache(maxsize=1)
def _plain_words() -> dict[str, Label]:
    listed = {c.code: Label(c.name_zh, c.name_en.lower()) for c in (*reference.symptoms(), *reference.drug_classes())}
    return {**listed, "*": Label("全部", "all")}


@lru_cache(maxsize=64)
def _disease_words(on: date) -> dict[str, Label]:
    return {d.code: Label(d.name_zh, d.name_en) for d in reference.diseases(on, subtypes=True)}


_DEEDS = {
    "warn.proposal_raised": Label("提出预警", "Proposal raised"),
    "warn.proposal_extended": Label("新信号并入", "Joined by new signals"),
    "warn.proposal_level_raised": Label("级别上调", "Level raised"),
    "warn.proposal_raise_again": Label("升级后再次提请研判", "Back to the desk after its level rose"),
    "warn.positive_added": Label("核酸阳性并入", "Laboratory positive added"),
    "warn.proposal_close": Label("关闭", "Closed"),
    "warn.proposal_watch": Label("持续关注", "Kept on watch"),
    "warn.proposal_verify": Label("核实", "Verified"),
    "warn.event_verified": Label("核实为事件", "Verified as an event"),
    "warn.healthevent_end": Label("事件结束", "Event ended"),
}


def deed_words(kind: str) -> Label:
    """What a journal entry says was done; an unknown kind is shown by its code."""
    return _DEEDS.get(kind, Label(kind, kind))
