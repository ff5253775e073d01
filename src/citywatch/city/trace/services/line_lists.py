"""Take in somebody's line list and who infected whom by it."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction

from citywatch.city.trace import rules
from citywatch.city.trace.lifecycles import GIVEN_AWAY
from citywatch.city.trace.models import Case, Investigation, Link
from citywatch.city.trace.types import CaseListed, ImportOutcome, LinkListed
from citywatch.mechanisms.clock import day_of, start_of
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle.services import begin


@transaction.atomic
def import_line_list(
    rows: Sequence[CaseListed],
    *,
    place: Place,
    title: str,
    hazard: str,
    by: Viewer,
    at: datetime,
    dry_run: bool = False,
) -> ImportOutcome:
    """Take in somebody's line list as an investigation without an event; sent again, it changes only what differs.

    Imported cases are complete as they come: no clock of ours runs for them.
    """
    must(by, "trace.open", place)
    twice = [label for label, times in Counter(row.label for row in rows).items() if times > 1]
    if twice:
        raise Refusal(
            f"The list names {', '.join(twice[:5])} more than once; give every case its own label.",
            zh=f"名单中{'、'.join(twice[:5])}重复出现；每个病例须有唯一编号。",
        )
    investigation = _imported(title, place)
    if investigation is None:
        investigation = Investigation(
            place=place,
            hazard=hazard,
            title_zh=title,
            title_en=title,
            opened_at=at,
            look_back_days=rules.window_rule(day_of(at)).look_back_days,
        )
        if not dry_run:
            begin(investigation, "trace.investigation_opened", by=by, at=at, because="imported", event=None)
    known = {case.label: case for case in investigation.cases.exclude(state__in=GIVEN_AWAY)} if investigation.pk else {}
    fresh: list[Case] = []
    changed: list[tuple[Case, list[str]]] = []
    for row in rows:
        values = _values(row, at)
        case = known.get(row.label)
        if case is None:
            fresh.append(
                Case(
                    place=place,
                    investigation=investigation,
                    hazard=hazard,
                    label=row.label,
                    state="complete",
                    **values,
                )
            )
            continue
        differing = [name for name, value in values.items() if getattr(case, name) != value]
        if differing:
            for name in differing:
                setattr(case, name, values[name])
            changed.append((case, differing))
    outcome = ImportOutcome(
        investigation.pk, len(rows), len(fresh), len(changed), len(rows) - len(fresh) - len(changed)
    )
    if dry_run:
        return outcome
    Case.objects.bulk_create(fresh, batch_size=500)
    for case, differing in changed:
        case.save(update_fields=differing)
    journal.record(
        "trace.line_list_imported",
        place=place,
        by=by,
        at=at,
        subject=investigation,
        received=outcome.received,
        stored=[[case.pk, case.label] for case in fresh],
        changed=[[case.pk, differing] for case, differing in changed],
    )
    return outcome


@transaction.atomic
def import_contacts(
    rows: Sequence[LinkListed], *, place: Place, title: str, by: Viewer, at: datetime, dry_run: bool = False
) -> ImportOutcome:
    """Link the cases of an imported line list by who infected whom; sent again, it changes only what differs."""
    must(by, "trace.open", place)
    investigation = _imported(title, place)
    if investigation is None:
        raise Refusal(
            f"There is no imported line list {title!r} in {place.name_en}; import the line list first.",
            zh=f"{place.name_zh}没有名为“{title}”的病例名单；请先导入病例名单。",
        )
    cases = {case.label: case for case in investigation.cases.exclude(state__in=GIVEN_AWAY)}
    _refuse_unknown(rows, cases)
    known = {
        (link.infector_id, link.infectee_id): link
        for link in Link.objects.filter(infector__investigation=investigation)
    }
    fresh: dict[tuple[int, int], Link] = {}
    changed: list[Link] = []
    for row in rows:
        pair = cases[row.infector].pk, cases[row.infectee].pk
        link = known.get(pair)
        if link is None and pair not in fresh:
            fresh[pair] = Link(
                place=place, infector_id=pair[0], infectee_id=pair[1], exposure=row.exposure, evidence="line list"
            )
        elif link is not None and link.exposure != row.exposure:
            link.exposure = row.exposure
            changed.append(link)
    outcome = ImportOutcome(
        investigation.pk, len(rows), len(fresh), len(changed), len(rows) - len(fresh) - len(changed)
    )
    if dry_run:
        return outcome
    Link.objects.bulk_create(fresh.values(), batch_size=500)
    for link in changed:
        link.save(update_fields=["exposure"])
    journal.record(
        "trace.contacts_imported",
        place=place,
        by=by,
        at=at,
        subject=investigation,
        received=outcome.received,
        stored=[list(pair) for pair in fresh],
        changed=[link.pk for link in changed],
    )
    return outcome


def _imported(title: str, place: Place) -> Investigation | None:
    return Investigation.objects.filter(event_id__isnull=True, place=place, title_en=title).first()


def _values(row: CaseListed, at: datetime) -> dict[str, object]:
    return {
        "sex": row.sex,
        "age": row.age,
        "onset_date": row.onset_date,
        "reported_at": start_of(row.reported_on)
        if row.reported_on
        else start_of(row.onset_date)
        if row.onset_date
        else at,
        "classification": row.classification,
        "outcome": row.outcome,
        "occupation": row.occupation,
        "note": row.note,
    }


def _refuse_unknown(rows: Sequence[LinkListed], cases: Collection[str]) -> None:
    unknown = sorted({label for row in rows for label in (row.infector, row.infectee) if label not in cases})
    if unknown:
        raise Refusal(
            f"The contacts name {len(unknown)} cases the line list lacks: {', '.join(unknown[:10])}; "
            "import those first.",
            zh=f"接触名单中有{len(unknown)}例不在病例名单内：{'、'.join(unknown[:10])}；请先导入。",
        )
