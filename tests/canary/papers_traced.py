"""A world's investigations: cases, contacts, hand-overs, links and risk points."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from tests.canary.ground import AT
from tests.canary.papers import Papers

from citywatch.city.trace.models import Case, Contact, Investigation, Link, RiskPoint, Stay, Verdict


def tracing(papers: Papers) -> None:
    draw = papers.draw
    papers.investigations = papers.keep(
        [
            Investigation(
                # An event is searched in its own district: see trace.services.open_investigation.
                place=papers.district_of(event.place) if event else papers.district(), state="open",
                event_id=event.pk if event else None, hazard="covid-19",
                title_zh="x", title_en=f"x{papers.order}-{n}", opened_at=papers.before(), look_back_days=2,
            )
            for n, event in enumerate((*papers.events, None))
        ],
        about=lambda row: {"names": (("healthevent", row.event_id),) if row.event_id else ()},
        text="#title_zh #title_en",
    )  # fmt: skip
    papers.cases = papers.keep([_case(papers, n) for n in range(6)], about=_of_case, text="#label occupation note")
    given = draw.choice(papers.cases)
    other = next((p for code in papers.districts if (p := papers.base.places[code]) != given.place), None)
    if other is not None:
        given.state = "handed_over"
        given.save()
        taken = _case(papers, 9, place=other, from_row=given, investigation=given.investigation, state="offered")
        papers.cases += papers.keep([taken], about=_of_case, text="#label occupation note")
    for case in papers.cases:
        if case.investigation_id:
            papers.add_to(("investigation", case.investigation_id), ("case", case.pk))
    stays = [
        (case, papers.market(), AT - timedelta(minutes=minutes))  # nobody arrives twice in one minute
        for case in papers.cases
        for minutes in draw.sample(range(1, 200 * 60), 2)
    ]
    Stay.objects.bulk_create(
        [
            Stay(place=case.place, case=case, visited=place, from_at=at, to_at=at + timedelta(hours=1))
            for case, place, at in stays
        ]
    )
    case, place, at = stays[0]
    Verdict.objects.create(place=case.place, case=case, visited=place, from_at=at, to_at=at, said="denied", said_at=AT)
    _contacts(papers)
    in_one = [case for case in papers.cases if case.investigation_id == papers.cases[0].investigation_id]
    papers.keep(
        [
            Link(place=one.investigation.place, infector=in_one[0], infectee=one)
            for one in in_one[1:2]
            if one.investigation_id
        ],
        about=lambda row: {"names": (("case", row.infector_id), ("case", row.infectee_id))},
        text="evidence",
    )
    papers.keep(
        [
            RiskPoint(
                place=papers.market(), investigation=papers.investigations[n], published_at=papers.before(10),
                because="x", figures={},
            )
            for n in range(2)
        ],
        about=lambda row: {
            "names": (
                ("investigation", row.investigation_id),
                *((("healthevent", event),) if (event := row.investigation.event_id) else ()),
            )
        },
        text="because",
    )  # fmt: skip
    papers.clocks("source-lock", papers.cases[:2])
    papers.clocks("investigation-core", papers.cases[:3])


def _case(papers: Papers, number: int, **more: Any) -> Case:
    draw, sample = papers.draw, draw_or_none(papers.draw, papers.samples) if number < 4 else None
    onset = AT.date() - timedelta(days=draw.randrange(1, 9))
    barcode = sample.barcode if sample and sample.barcode not in papers.barcodes else ""
    papers.barcodes.add(barcode)
    told: dict[str, Any] = {
        "place": papers.district(), "state": draw.choice(("reported", "core_done", "complete", "discarded")),
        "investigation": draw.choice((*papers.investigations, papers.investigations[0])), "person_id": papers.person(),
        "hazard": "covid-19", "sample_barcode": barcode, "sex": "M", "age": 40, "onset_date": onset,
        "reported_at": papers.before(100), "classification": draw.choice(("suspected", "confirmed", "asymptomatic")),
        "label": f"n{papers.order}-{number}",
    }  # fmt: skip
    return Case(**told | more)


def _of_case(row: Any) -> dict[str, Any]:
    names = [("investigation", row.investigation_id)] if row.investigation_id else []
    names += [("sample", int(row.sample_barcode[1:]))] if row.sample_barcode else []
    names += [("case", row.from_row_id)] if row.from_row_id else []
    return {"names": tuple(names), "person": row.person_id}


def _contacts(papers: Papers) -> None:
    rows, pairs = [], set()
    for n in range(8):
        case, person = papers.draw.choice(papers.cases), papers.person()
        if (case.pk, person) in pairs:
            continue
        pairs.add((case.pk, person))
        met = papers.before(100)
        rows.append(
            Contact(
                place=case.place if papers.draw.random() < 0.5 else papers.district(),
                case=case,
                person_id=person,
                state=papers.draw.choice(("listed", "notified", "transferred", "dropped")),
                told="close",
                kind=papers.draw.choice(("close", "close", "general")),
                ground="household",
                first_at=met,
                last_at=met + timedelta(hours=n),
                visited=papers.market(),
                judged_at=papers.before(30),
            )
        )
    # Who meets a contact reads which case they met, and of which investigation.
    papers.contacts = papers.keep(rows, about=_of_contact)
    given = papers.contacts[0]
    other = next((p for code in papers.districts if (p := papers.base.places[code]) != given.place), None)
    if other is not None:
        given.state = "handed_over"
        given.save()
        same = {f.attname: getattr(given, f.attname) for f in Contact._meta.concrete_fields if f.attname != "id"} | {
            "place_id": other.pk,
            "from_row_id": given.pk,
            "state": "offered",
        }
        papers.contacts += papers.keep([Contact(**same)], about=_of_contact)
        # The giver reads the number their contact has over there, to speak of it.
        papers.add_to(("contact", given.pk), ("contact", papers.contacts[-1].pk))
    papers.clocks("contact-transfer", papers.contacts[:3])


def _of_contact(row: Any) -> dict[str, Any]:
    names = [("case", row.case_id)]
    names += [("investigation", row.case.investigation_id)] if row.case.investigation_id else []
    names += [("contact", row.from_row_id)] if row.from_row_id else []
    return {"names": tuple(names), "person": row.person_id}


def draw_or_none(draw: random.Random, rows: Sequence[Any]) -> Any:
    return draw.choice(rows) if draw.random() < 0.6 else None
