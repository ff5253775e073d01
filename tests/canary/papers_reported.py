"""A world's people, what sites send of them, and the warnings that come of it."""

import json
from datetime import timedelta

from tests.canary.ground import AT, NAMES_FROM
from tests.canary.oracle import Row
from tests.canary.papers import Papers
from tests.city.reports import id_number

from citywatch.city.lab.models import Sample
from citywatch.city.sense.models import Hold
from citywatch.city.warn.models import Alert, HealthEvent, Proposal, Signal
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.receipts import services as receipts
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.mechanisms.vault.models import KnownAt
from citywatch.mechanisms.vault.services import enrol_many
from citywatch.mechanisms.vault.types import Identity

_HELD = ("held", "held", "released", "isolated")


def people(papers: Papers) -> None:
    identities, wanted = [], 5
    for number in range(wanted):
        serial = papers.order * 20 + number
        name = chr(NAMES_FROM + serial) + "小明"
        born, area = f"19{40 + serial}0101", papers.draw.choice(list(papers.districts))
        identities.append(
            Identity(
                name, id_number(serial + 1, born=born, area=area), f"1780000{serial:04d}", f"住址甲乙{serial:03d}号"
            )
        )
    made = enrol_many(identities, known_at=[], at=AT)
    known = []
    for person, one in zip(made, identities, strict=True):
        assert person is not None
        papers.people.append(person.pk)
        papers.told.people[one.name[0]] = person.pk
        for words in (one.name, one.id_number, one.phone, one.address, person.pseudonym):
            papers.told.whole[words] = person.pk
        where = {papers.district(), papers.site()} if papers.draw.random() < 0.5 else {papers.site()}
        papers.world.known[person.pk] = {place.path for place in where}
        known += [KnownAt(person=person, place=place, relation="current") for place in where]
    KnownAt.objects.bulk_create(known)


def reports(papers: Papers) -> None:
    made = []
    for number in range(4):
        place = papers.site()
        values = {"name": f"x{papers.order}", "visit_at": "2020-06-10T09:30"}
        receipt, _ = _receipt(place, f"m{papers.order}-{number}")
        receipts.quarantine(receipt, [(1, values, Label("体温有误", "wrong"))])
        receipts.close(receipt, rows=2, stored=1, duplicate=0, quarantined=1)
        papers.world.rows["receipt", receipt.pk] = Row("receipt", receipt.pk, place.path)
        papers.told.numbers.setdefault("receipt", []).append(receipt.pk)
        row = receipt.quarantine.get()
        QuarantinedRow.objects.filter(pk=row.pk).update(why_zh=f"x{row.pk}x", why_en=f"x{row.pk}x")
        papers.world.rows["quarantinedrow", row.pk] = Row(
            "quarantinedrow", row.pk, place.path, names=(("receipt", receipt.pk),)
        )
        papers.told.numbers.setdefault("quarantinedrow", []).append(row.pk)
        made.append(receipt)
    papers.submissions = papers.keep(
        [
            Submission(
                place=receipt.place, form="symptom-registration", version=1, stream="symptom",
                person_id=papers.person(), home_place=papers.street(), occurred_at=AT - timedelta(hours=5),
                occurred_on=AT.date(), reported_at=AT, recorded_at=AT - timedelta(hours=number),
                answers={"sex": "M"}, natural_key=f"natural-key-{papers.order}-{number}", receipt=receipt, row=1,
            )
            for number, receipt in enumerate(made)
        ],
        about=lambda row: {"names": (("receipt", row.receipt_id),), "person": row.person_id},
    )  # fmt: skip
    for row in papers.submissions:
        row.answers = {"sex": "M", "other": f"x{row.pk}x"}
    Submission.objects.bulk_update(papers.submissions, ["answers"])
    papers.samples = papers.keep(
        [
            Sample(
                place=one.place, state=state, person_id=one.person_id, submission_id=one.pk, barcode=f"B{one.pk}",
                lab_place=papers.site("L01") if state != "ordered" else None, ordered_at=papers.before(),
                resulted_at=None if state == "ordered" else papers.before(20),
            )
            for one, state in zip(papers.submissions, ("ordered", "positive", "negative", "positive"), strict=True)
        ],
        about=lambda row: {"names": (("submission", row.submission_id),), "person": row.person_id},
        text="#barcode",
    )  # fmt: skip
    papers.keep(
        [
            Hold(
                place=one.place, state=state, person_id=one.person_id, barcode=sample.barcode, submission=one,
                started_at=papers.before(), ended_at=None if state == "held" else papers.before(10),
            )
            for one, sample, state in zip(papers.submissions, papers.samples, _HELD, strict=True)
        ],
        about=lambda row: {
            "names": (("submission", row.submission_id), ("sample", int(row.barcode[1:]))), "person": row.person_id
        },
    )  # fmt: skip


def warnings(papers: Papers) -> None:
    levels = ("red", "orange", "yellow", "blue")
    papers.proposals = papers.keep(
        [
            Proposal(
                place=papers.street(), fingerprint=f"fingerprint-p{papers.order}-{n}", level=papers.draw.choice(levels),
                hazard=papers.draw.choice(("covid-19", "ili", "fever")), state=state, streams=["symptom"],
                syndromes=["fever"], opened_at=papers.before(), first_day=AT.date(), last_day=AT.date(), score=n,
            )
            for n, state in enumerate(("new", "new", "watched", "verified", "verified", "closed"))
        ],
        about=lambda row: {"members": ()},
    )  # fmt: skip
    papers.signals = papers.keep(
        [
            Signal(
                place=proposal.place, fingerprint=f"fingerprint-s{papers.order}-{n}", family="ears", stream="symptom",
                syndrome="fever", by="reporting", first_day=AT.date(), last_day=AT.date(), observed=5, expected=1,
                upper=3, score=4, raised_at=papers.before(20), proposal=proposal,
            )
            for n, proposal in enumerate(papers.proposals)
        ],
        about=lambda row: {"names": (("proposal", row.proposal_id),)},
    )  # fmt: skip
    for one in papers.signals:
        papers.add_to(("proposal", one.proposal_id), ("signal", one.pk))
    papers.events = papers.keep(
        [
            HealthEvent(
                place=proposal.place, state="verified", proposal=proposal, hazard="covid-19", level=proposal.level,
                title_zh="x", title_en="x", verified_at=papers.before(),
            )
            for proposal in papers.proposals[3:5]
        ],
        about=lambda row: {"names": (("proposal", row.proposal_id),)},
        text="#title_zh #title_en",
    )  # fmt: skip
    for event in papers.events:
        papers.add_to(("proposal", event.proposal_id), ("healthevent", event.pk))
    papers.keep(
        [
            Alert(place=event.place, event=event, level=event.level, published_at=papers.before(10))
            for event in papers.events
        ],
        about=lambda row: {"names": (("healthevent", row.event_id),)},
        text="text_zh text_en because",
    )
    papers.clocks("proposal-orange", papers.proposals[:2])


def _receipt(place: Place, message_id: str) -> tuple[Receipt, bool]:
    return receipts.take(
        json.dumps({"rows": []}).encode(), source=f"api:{place.code}", message_id=message_id, channel="api",
        form="symptom-registration", place=place, sent_at=AT, at=AT,
    )  # fmt: skip
