"""The one line that says why: signals and positives in words, in both languages."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache

from citywatch.city.registry import reference
from citywatch.city.warn import rules
from citywatch.city.warn.types import SignalFacts
from citywatch.mechanisms.clock import SHANGHAI
from citywatch.mechanisms.labels import Label
from citywatch.science.detect.catalogue import METHODS

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
    # What the place itself tells comes first: a neighbour's figure must not stand beside this street's name.
    for signal in sorted(signals, key=lambda one: (not _is_here(one, place), -one.score)):
        best.setdefault(signal.key.stream, signal)
    strongest = list(best.values())
    if not lead and strongest:
        lead, strongest = [_figures(strongest[0])], strongest[1:]
    here = [s for s in strongest if _is_here(s, place)]
    beside = [s for s in strongest if s not in here]
    zh = place.zh + "；".join(part.zh for part in lead)
    en = f"{place.en}: " + "; ".join(part.en for part in lead)
    if here:
        zh += f"；72小时内同街道{'、'.join(_named(s).zh for s in here)}亦异常"
        en += f"; within 72 h in the same street also {' and '.join(_named(s).en for s in here)}"
    if beside:
        zh += f"；72小时内相邻{'、'.join(s.place.zh + _named(s).zh for s in beside)}亦异常"
        en += f"; within 72 h nearby also {' and '.join(f'{_named(s).en} in {s.place.en}' for s in beside)}"
    return Label(f"{zh}。", f"{en}.")


def _is_here(signal: SignalFacts, place: Label) -> bool:
    return signal.key.by in {"site", "district"} or signal.place == place


def alert_text(title: Label, *, level: str, why_sentence: Label, at: datetime) -> Label:
    """The text of a published alert."""
    when = at.astimezone(SHANGHAI)
    word = rules.LEVEL_WORDS[level]
    return Label(
        f"【{word.zh}预警】{title.zh}。{why_sentence.zh}发布时间{when:%Y-%m-%d %H:%M}。",
        f"{word.en} alert: {title.en}. {why_sentence.en} Published {when:%Y-%m-%d %H:%M}.",
    )


def _named(signal: SignalFacts) -> Label:
    return Label(f"{signal.stream.zh}“{signal.syndrome.zh}”", f"{signal.stream.en} {signal.syndrome.en}")


def _figures(signal: SignalFacts) -> Label:
    unit = "笔" if signal.key.stream == "pharmacy" else "例"
    when = _when(signal)
    where = {
        "home": Label("（按居住地）", ", by home street"),
        "site": Label(f"（{signal.place.zh}）", f" at {signal.place.en}"),
    }.get(signal.key.by, Label("", ""))
    told = f"{when.zh}{signal.stream.zh}“{signal.syndrome.zh}”{signal.observed}{unit}{where.zh}"
    said = f"{signal.observed} {signal.stream.en} {signal.syndrome.en} {when.en}{where.en}"
    if signal.family == "single-case":
        return Label(f"{told}（单病例预警）", f"{said} (single-case rule)")
    if signal.family == "school":
        return Label(f"{told}（学校聚集标准）", f"{said} (school threshold)")
    mean, step = ("周均", "a week") if signal.key.step == "week" else ("日均", "a day")
    if signal.observed <= signal.upper:  # C3 alone: no day stands out, three together do
        return Label(
            f"{told}，基线{mean}{signal.expected:.1f}{unit}，近三日合计偏高",
            f"{said}; baseline {signal.expected:.1f} {step}, high over three days together",
        )
    return Label(
        f"{told}，基线{mean}{signal.expected:.1f}{unit}，上限{signal.upper:.1f}{unit}",
        f"{said}; baseline {signal.expected:.1f} {step}, upper bound {signal.upper:.1f}",
    )


def _when(signal: SignalFacts) -> Label:
    day = signal.last_day
    if signal.key.step == "week":
        monday = day - timedelta(days=day.weekday())
        return Label(
            f"{monday.month}月{monday.day}日起一周", f"in the week from {monday.day} {_MONTHS[monday.month - 1]}"
        )
    if signal.family == "school":
        return Label(f"截至{day.month}月{day.day}日的七天", f"in the seven days to {day.day} {_MONTHS[day.month - 1]}")
    return Label(f"{day.month}月{day.day}日", f"on {day.day} {_MONTHS[day.month - 1]}")


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


def level_words(
    level: str, *, hazard: Label, positives: int, single_case: Label | None, schools: int, streams: Sequence[str],
    hours: int,
) -> Label:  # fmt: skip
    """Why a proposal has its level, in one sentence: the gravest ground that reaches it."""
    word = rules.LEVEL_WORDS[level]
    names = [stream_words(stream) for stream in streams]
    if positives and level in {"red", "orange"}:
        zh, en = f"{hazard.zh}实验室阳性{positives}例", f"laboratory positive for {hazard.en} ({positives})"
    elif single_case and level in {"red", "orange"}:
        zh = f"{single_case.zh}按甲类管理，报告卡1例即达到"
        en = f"{single_case.en} is managed as class A, so one report card is enough"
    elif schools and level == "yellow":
        zh, en = f"{schools}所学校达到聚集标准", f"over the school threshold ({schools})"
    elif len(names) > 1:
        zh = f"{hours}小时内{len(names)}个监测渠道同时异常（{'、'.join(one.zh for one in names)}）"
        en = f"{len(names)} streams stand out within {hours} h ({', '.join(one.en for one in names)})"
    else:
        zh, en = "一个渠道的统计信号，尚无其他佐证", "a statistical signal in one stream, nothing else bears it out yet"
    return Label(f"{word.zh}：{zh}。", f"{word.en}: {en}.")


_DETECTORS = {
    "C1": Label("EARS C1（街道）", "EARS C1, streets"),
    "C2": Label("EARS C2（街道）", "EARS C2, streets"),
    "C3": Label("EARS C3（街道）", "EARS C3, streets"),
    "site-C1": Label("EARS C1（点位）", "EARS C1, sites"),
    "site-C2": Label("EARS C2（点位）", "EARS C2, sites"),
    "day": Label("街道日序列（城市卫哨法）", "street days, CityWatch's method"),
    "week": Label("区周序列", "district weeks"),
    "single-case": Label("单病例预警", "single-case rule"),
    "school": Label("学校聚集", "school rule"),
}
_FIXED = {
    "single-case": Label(
        "甲类及按甲类管理传染病的报告卡，按街道逐日",
        "report cards of class A diseases and those managed as such, by street and day",
    ),
    "school": Label("校内点位七日合计", "sites inside schools, by the sum of seven days"),
}
_SCALES = {
    ("street", "day"): Label("按街道逐日", "by street and day"),
    ("site", "day"): Label("按点位逐日", "by site and day"),
    ("district", "week"): Label("按区逐周", "by district and week"),
}


def detector_words(code: str) -> Label:
    """What a line of the detectors is called; an unknown one is shown by its code."""
    return _DETECTORS.get(code, Label(code, code))


def method_words(name: str) -> Label:
    """What a method of the catalogue is called, or one of the fixed numbers; an unknown one is shown by its name."""
    return Label(*METHODS[name].words) if name in METHODS else detector_words(name)


def watched_words(streams: Sequence[str], level: str, step: str, *, method: str) -> tuple[Label, ...]:
    """Which series a detector watches: its streams (none named: all that are watched), and on which scale."""
    if method in _FIXED:
        return (_FIXED[method],)
    named = streams or [stream for stream in rules.STREAM_WORDS if stream not in rules.NOT_WATCHED]
    words = [stream_words(stream) for stream in named]
    scale = _SCALES.get((level, step), Label(f"{level}/{step}", f"by {level} and {step}"))
    return Label("、".join(one.zh for one in words), ", ".join(one.en for one in words)), scale


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
    "warn.proposal_join": Label("并入相邻提议", "Joined to a neighbouring proposal"),
    "warn.proposal_merge": Label("并入另一条预警", "Merged into another"),
    "warn.proposal_raise_merged": Label("合并升级后再次提请研判", "Back to the desk after merging raised its level"),
    "warn.proposal_took_over": Label("并入了其他预警", "Took others over"),
    "warn.proposal_parted": Label("撤销合并", "Merging taken back"),
    "warn.proposal_reopen": Label("撤销，恢复待研判", "Answer taken back"),
    "warn.proposal_rewatch": Label("撤销，恢复关注", "Answer taken back, on watch again"),
    "warn.proposal_escalated": Label("超时上报", "Sent up because nobody answered"),
    "warn.detector_decided": Label("监测方法变更", "Detector changed"),
}


def deed_words(kind: str) -> Label:
    """What a journal entry says was done; an unknown kind is shown by its code."""
    return _DEEDS.get(kind, Label(kind, kind))
