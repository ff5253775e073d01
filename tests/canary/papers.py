"""The papers of a world: the people of some districts and everything that is written about them."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.canary.ground import AT, DISTRICTS, NAMES_FROM, SITES, Base, Told
from tests.canary.oracle import Opened, Row, reach
from tests.city.reports import id_number

from citywatch.city.lab.models import Sample
from citywatch.city.respond.models import Incident, LevelDecision, Order
from citywatch.city.sense.models import Hold
from citywatch.city.trace.models import Case, Contact, Investigation, Link, RiskPoint, Stay, Verdict
from citywatch.city.warn.models import Alert, DeskView, HealthEvent, Proposal, Signal
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Opening, Place
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.mechanisms.receipts import services as receipts
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.mechanisms.vault.models import Export, KnownAt, LegalHold
from citywatch.mechanisms.vault.services import enrol_many
from citywatch.mechanisms.vault.types import Identity


class Papers:
    """Writes the people of some districts and everything about them; `order` keeps two such sets apart."""

    HELD = ("held", "held", "released", "isolated")

    def __init__(self, draw: random.Random, base: Base, told: Told, districts: Sequence[str], *, order: int) -> None:
        self.draw, self.base, self.told, self.world = draw, base, told, told.world
        self.districts, self.order = districts, order
        self.people: list[int] = []

    def write(self) -> None:
        self._people()
        self._reports()
        self._warnings()
        self._tracing()
        self._response()
        self._own_things()
        self._journal()

    # ---- where, when, who ----------------------------------------------------------------------------------------

    def district(self) -> Place:
        return self.base.places[self.draw.choice(list(self.districts))]

    def street(self) -> Place:
        return self.base.places[DISTRICTS[self.draw.choice(list(self.districts))]]

    def site(self, suffix: str = "") -> Place:
        return self.base.places[f"{self.street().code}-{suffix or self.draw.choice([*SITES])}"]

    def market(self) -> Place:
        return self.base.places[f"{self.street().code}-M01"]

    def person(self) -> int:
        return self.draw.choice(self.people)

    def before(self, hours: int = 60) -> datetime:
        return AT - timedelta(minutes=self.draw.randrange(1, hours * 60))

    def keep(
        self, rows: list[Any], *, about: Callable[[Any], dict[str, Any]] | None = None, text: str = ""
    ) -> list[Any]:
        """Store rows, write each one's own number into its texts, and tell the oracle of them."""
        if not rows:
            return rows
        made = type(rows[0])._default_manager.bulk_create(rows)
        fields = text.split()
        for row in made:
            for name in fields:
                number, marked = name.startswith("#"), name.removeprefix("#")
                setattr(row, marked, f"L{row.pk}" if number else f"x{row.pk}x")
        if fields:
            type(made[0])._default_manager.bulk_update(made, [name.removeprefix("#") for name in fields])
        for row in made:
            kind = str(row._meta.model_name)
            self.world.rows[kind, row.pk] = Row(kind, row.pk, row.place.path, **(about(row) if about else {}))
            self.told.numbers.setdefault(kind, []).append(row.pk)
        return made

    # ---- people --------------------------------------------------------------------------------------------------

    def _people(self) -> None:
        identities, wanted = [], 5
        for number in range(wanted):
            serial = self.order * 20 + number
            name = chr(NAMES_FROM + serial) + "小明"
            born, area = f"19{40 + serial}0101", self.draw.choice(list(self.districts))
            identities.append(
                Identity(
                    name, id_number(serial + 1, born=born, area=area), f"1780000{serial:04d}", f"住址甲乙{serial:03d}号"
                )
            )
        made = enrol_many(identities, known_at=[], at=AT)
        known = []
        for person, one in zip(made, identities, strict=True):
            assert person is not None
            self.people.append(person.pk)
            self.told.people[one.name[0]] = person.pk
            for words in (one.name, one.id_number, one.phone, one.address, person.pseudonym):
                self.told.whole[words] = person.pk
            where = {self.district(), self.site()} if self.draw.random() < 0.5 else {self.site()}
            self.world.known[person.pk] = {place.path for place in where}
            known += [KnownAt(person=person, place=place, relation="current") for place in where]
        KnownAt.objects.bulk_create(known)

    # ---- what sites send -----------------------------------------------------------------------------------------

    def _reports(self) -> None:
        made = []
        for number in range(4):
            place = self.site()
            values = {"name": f"x{self.order}", "visit_at": "2020-06-10T09:30"}
            receipt, _ = _receipt(place, f"m{self.order}-{number}")
            receipts.quarantine(receipt, [(1, values, Label("体温有误", "wrong"))])
            receipts.close(receipt, rows=2, stored=1, duplicate=0, quarantined=1)
            self.world.rows["receipt", receipt.pk] = Row("receipt", receipt.pk, place.path)
            self.told.numbers.setdefault("receipt", []).append(receipt.pk)
            row = receipt.quarantine.get()
            QuarantinedRow.objects.filter(pk=row.pk).update(why_zh=f"x{row.pk}x", why_en=f"x{row.pk}x")
            self.world.rows["quarantinedrow", row.pk] = Row(
                "quarantinedrow", row.pk, place.path, names=(("receipt", receipt.pk),)
            )
            self.told.numbers.setdefault("quarantinedrow", []).append(row.pk)
            made.append(receipt)
        self.submissions = self.keep(
            [
                Submission(
                    place=receipt.place, form="symptom-registration", version=1, stream="symptom",
                    person_id=self.person(), home_place=self.street(), occurred_at=AT - timedelta(hours=5),
                    occurred_on=AT.date(), reported_at=AT, recorded_at=AT - timedelta(hours=number),
                    answers={"sex": "M"}, natural_key=f"natural-key-{self.order}-{number}", receipt=receipt, row=1,
                )
                for number, receipt in enumerate(made)
            ],
            about=lambda row: {"names": (("receipt", row.receipt_id),), "person": row.person_id},
        )  # fmt: skip
        for row in self.submissions:
            row.answers = {"sex": "M", "other": f"x{row.pk}x"}
        Submission.objects.bulk_update(self.submissions, ["answers"])
        self.samples = self.keep(
            [
                Sample(
                    place=one.place, state=state, person_id=one.person_id, submission_id=one.pk, barcode=f"B{one.pk}",
                    lab_place=self.site("L01") if state != "ordered" else None, ordered_at=self.before(),
                    resulted_at=None if state == "ordered" else self.before(20),
                )
                for one, state in zip(self.submissions, ("ordered", "positive", "negative", "positive"), strict=True)
            ],
            about=lambda row: {"names": (("submission", row.submission_id),), "person": row.person_id},
            text="#barcode",
        )  # fmt: skip
        self.keep(
            [
                Hold(
                    place=one.place, state=state, person_id=one.person_id, barcode=sample.barcode, submission=one,
                    started_at=self.before(), ended_at=None if state == "held" else self.before(10),
                )
                for one, sample, state in zip(self.submissions, self.samples, self.HELD, strict=True)
            ],
            about=lambda row: {
                "names": (("submission", row.submission_id), ("sample", int(row.barcode[1:]))), "person": row.person_id
            },
        )  # fmt: skip

    # ---- warning ---------------------------------------------------------------------------------------------------

    def _warnings(self) -> None:
        levels = ("red", "orange", "yellow", "blue")
        self.proposals = self.keep(
            [
                Proposal(
                    place=self.street(), fingerprint=f"fingerprint-p{self.order}-{n}", level=self.draw.choice(levels),
                    hazard=self.draw.choice(("covid-19", "ili", "fever")), state=state, streams=["symptom"],
                    syndromes=["fever"], opened_at=self.before(), first_day=AT.date(), last_day=AT.date(), score=n,
                )
                for n, state in enumerate(("new", "new", "watched", "verified", "verified", "closed"))
            ],
            about=lambda row: {"members": ()},
        )  # fmt: skip
        self.signals = self.keep(
            [
                Signal(
                    place=proposal.place, fingerprint=f"fingerprint-s{self.order}-{n}", family="ears", stream="symptom",
                    syndrome="fever", by="reporting", first_day=AT.date(), last_day=AT.date(), observed=5, expected=1,
                    upper=3, score=4, raised_at=self.before(20), proposal=proposal,
                )
                for n, proposal in enumerate(self.proposals)
            ],
            about=lambda row: {"names": (("proposal", row.proposal_id),)},
        )  # fmt: skip
        for one in self.signals:
            self._add_to(("proposal", one.proposal_id), ("signal", one.pk))
        self.events = self.keep(
            [
                HealthEvent(
                    place=proposal.place, state="verified", proposal=proposal, hazard="covid-19", level=proposal.level,
                    title_zh="x", title_en="x", verified_at=self.before(),
                )
                for proposal in self.proposals[3:5]
            ],
            about=lambda row: {"names": (("proposal", row.proposal_id),)},
            text="#title_zh #title_en",
        )  # fmt: skip
        for event in self.events:
            self._add_to(("proposal", event.proposal_id), ("healthevent", event.pk))
        self.keep(
            [
                Alert(place=event.place, event=event, level=event.level, published_at=self.before(10))
                for event in self.events
            ],
            about=lambda row: {"names": (("healthevent", row.event_id),)},
            text="text_zh text_en because",
        )
        self._clocks("proposal-orange", self.proposals[:2])

    def _add_to(self, key: tuple[str, int], *more: tuple[str, int]) -> None:
        row = self.world.rows[key]
        self.world.rows[key] = Row(
            row.kind, row.number, row.path, row.names, row.person, row.owner, (*row.members, *more)
        )

    def _clocks(self, code: str, rows: Sequence[Any]) -> None:
        for row in rows:
            began = self.before()
            Clock.objects.create(
                place=row.place, code=code, subject_kind=row._meta.label_lower, subject_id=row.pk, started_at=began,
                due_at=began + timedelta(hours=12),
            )  # fmt: skip

    # ---- tracing ---------------------------------------------------------------------------------------------------

    def _tracing(self) -> None:
        draw = self.draw
        self.investigations = self.keep(
            [
                Investigation(
                    place=self.district(), state="open", event_id=event.pk if event else None, hazard="covid-19",
                    title_zh="x", title_en=f"x{self.order}-{n}", opened_at=self.before(), look_back_days=2,
                )
                for n, event in enumerate((*self.events, None))
            ],
            about=lambda row: {"names": (("healthevent", row.event_id),) if row.event_id else ()},
            text="#title_zh #title_en",
        )  # fmt: skip
        self.cases = self.keep([self._case(n) for n in range(6)], about=self._of_case, text="#label occupation note")
        given = draw.choice(self.cases)
        other = next((p for code in self.districts if (p := self.base.places[code]) != given.place), None)
        if other is not None:
            given.state = "handed_over"
            given.save()
            taken = self._case(9, place=other, from_row=given, investigation=given.investigation, state="offered")
            self.cases += self.keep([taken], about=self._of_case, text="#label occupation note")
        for case in self.cases:
            if case.investigation_id:
                self._add_to(("investigation", case.investigation_id), ("case", case.pk))
        stays = [(case, self.market(), self.before(200)) for case in self.cases for _ in range(2)]
        Stay.objects.bulk_create(
            [
                Stay(place=case.place, case=case, visited=place, from_at=at, to_at=at + timedelta(hours=1))
                for case, place, at in stays
            ]
        )
        case, place, at = stays[0]
        Verdict.objects.create(
            place=case.place, case=case, visited=place, from_at=at, to_at=at, said="denied", said_at=AT
        )
        self._contacts()
        in_one = [case for case in self.cases if case.investigation_id == self.cases[0].investigation_id]
        self.keep(
            [
                Link(place=one.investigation.place, infector=in_one[0], infectee=one)
                for one in in_one[1:2]
                if one.investigation_id
            ],
            about=lambda row: {"names": (("case", row.infector_id), ("case", row.infectee_id))},
            text="evidence",
        )
        self.keep(
            [
                RiskPoint(
                    place=self.market(), investigation=self.investigations[n], published_at=self.before(10),
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
        self._clocks("source-lock", self.cases[:2])
        self._clocks("investigation-core", self.cases[:3])

    def _case(self, number: int, **more: Any) -> Case:
        draw, sample = self.draw, draw_or_none(self.draw, self.samples) if number < 4 else None
        onset = AT.date() - timedelta(days=draw.randrange(1, 9))
        barcode = sample.barcode if sample and sample.barcode not in self._barcodes() else ""
        self._used = {*self._barcodes(), barcode}
        told: dict[str, Any] = {
            "place": self.district(), "state": draw.choice(("reported", "core_done", "complete", "discarded")),
            "investigation": draw.choice((*self.investigations, self.investigations[0])), "person_id": self.person(),
            "hazard": "covid-19", "sample_barcode": barcode, "sex": "M", "age": 40, "onset_date": onset,
            "reported_at": self.before(100), "classification": draw.choice(("suspected", "confirmed", "asymptomatic")),
            "label": f"n{self.order}-{number}",
        }  # fmt: skip
        return Case(**told | more)

    def _barcodes(self) -> set[str]:
        return getattr(self, "_used", set())

    @staticmethod
    def _of_case(row: Any) -> dict[str, Any]:
        names = [("investigation", row.investigation_id)] if row.investigation_id else []
        names += [("sample", int(row.sample_barcode[1:]))] if row.sample_barcode else []
        names += [("case", row.from_row_id)] if row.from_row_id else []
        return {"names": tuple(names), "person": row.person_id}

    def _contacts(self) -> None:
        rows, pairs = [], set()
        for n in range(8):
            case, person = self.draw.choice(self.cases), self.person()
            if (case.pk, person) in pairs:
                continue
            pairs.add((case.pk, person))
            met = self.before(100)
            rows.append(
                Contact(
                    place=case.place if self.draw.random() < 0.5 else self.district(),
                    case=case,
                    person_id=person,
                    state=self.draw.choice(("listed", "notified", "transferred", "dropped")),
                    told="close",
                    kind=self.draw.choice(("close", "close", "general")),
                    ground="household",
                    first_at=met,
                    last_at=met + timedelta(hours=n),
                    visited=self.market(),
                    judged_at=self.before(30),
                )
            )
        # Who meets a contact reads which case they met, and of which investigation.
        self.contacts = self.keep(rows, about=self._of_contact)
        given = self.contacts[0]
        other = next((p for code in self.districts if (p := self.base.places[code]) != given.place), None)
        if other is not None:
            given.state = "handed_over"
            given.save()
            same = {
                f.attname: getattr(given, f.attname) for f in Contact._meta.concrete_fields if f.attname != "id"
            } | {"place_id": other.pk, "from_row_id": given.pk, "state": "offered"}
            self.contacts += self.keep([Contact(**same)], about=self._of_contact)
            # The giver reads the number their contact has over there, to speak of it.
            self._add_to(("contact", given.pk), ("contact", self.contacts[-1].pk))
        self._clocks("contact-transfer", self.contacts[:3])

    @staticmethod
    def _of_contact(row: Any) -> dict[str, Any]:
        names = [("case", row.case_id)]
        names += [("investigation", row.case.investigation_id)] if row.case.investigation_id else []
        names += [("contact", row.from_row_id)] if row.from_row_id else []
        return {"names": tuple(names), "person": row.person_id}

    # ---- response, and what accounts made ----------------------------------------------------------------------------

    def _response(self) -> None:
        self.incidents = self.keep(
            [
                Incident(
                    place=event.place, state="open", event_id=event.pk, level="IV", proposed="III",
                    opened_at=self.before(), title_zh="x", title_en="x",
                )
                for event in self.events
            ],
            about=lambda row: {"names": (("healthevent", row.event_id),)},
            text="#title_zh #title_en",
        )  # fmt: skip
        self.keep(
            [
                LevelDecision(
                    place=one.place, incident=one, proposed="III", decided="IV", by="account:1", at=AT, because="x"
                )
                for one in self.incidents
            ],
            about=lambda row: {"names": (("incident", row.incident_id),)},
            text="because by_name",
        )
        issued = self.before(20)
        orders = self.keep(
            [
                Order(
                    place=self.draw.choice((self.district(), one.place)), state=state, incident=one, position=n,
                    recipient="district_team", text_zh="x", text_en="x", origin="x", within=timedelta(hours=2),
                    drafted_at=issued, issued_at=None if state == "drafted" else issued,
                    deadline=None if state == "drafted" else issued + timedelta(hours=2),
                )
                for one in self.incidents
                for n, state in enumerate(("drafted", "issued", "issued", "done"))
            ],
            about=lambda row: {"names": (("incident", row.incident_id),)},
            text="text_zh text_en",
        )  # fmt: skip
        self._clocks("order-receipt", [one for one in orders if one.state == "issued"])

    def _own_things(self) -> None:
        accounts = self.base.accounts
        owner = {f"account:{one.pk}": one for one in accounts}

        def made_by(row: Any) -> dict[str, Any]:
            return {"owner": f"account:{row.account_id}"}

        if self.order == 0:
            self.keep(
                [
                    DeskView(place=self.draw.choice((self.district(), self.base.places["110000"])), owner=who, name=who)
                    for who in owner
                ],
                about=lambda row: {"owner": row.owner},
                text="name query",
            )
        else:
            owner = dict(list(owner.items())[:1])  # whoever holds nothing
        self.keep(
            [
                Export(
                    place=self.district(), account=owner[self.draw.choice([*owner])], kind=kind, because="x", rows=900,
                    tracks=900, second=True, asked_at=self.before(5), mark=f"{self.order * 10 + n:032x}",
                    approved_at=AT if n < 4 else None,
                )
                for n, kind in enumerate(("contacts", "cases", "stays", "cases", "contacts"))
            ],
            about=made_by,
            text="because",
        )  # fmt: skip
        rows = []
        tracing = [who for who in owner if "trace.view" in reach(self.world, who)] or [*owner]
        for n in range(3):
            case = self.draw.choice(self.cases)
            until = AT + timedelta(hours=2) if n < 2 else AT - timedelta(minutes=1)
            rows.append(
                Opening(
                    place=case.place,
                    account=owner[self.draw.choice(tracing)],
                    kind="trace.case",
                    number=case.pk,
                    person=case.person_id,
                    because="x",
                    opened_at=until - timedelta(hours=4),
                    until=until,
                )
            )
        for row in self.keep(rows, about=lambda row: made_by(row) | {"names": (("case", row.number),)}, text="because"):
            self.world.openings.append(Opened(f"account:{row.account_id}", row.number, row.until))
        self.keep(
            [
                LegalHold(
                    place=self.district(), person_id=self.person(), because="x", ordered_by="x", placed_by="x",
                    placed_at=AT - timedelta(days=1), until=AT + timedelta(days=30),
                )
            ],
            text="because ordered_by",
        )  # fmt: skip

    def _journal(self) -> None:
        rows = []
        after = Entry.objects.filter(writer="world").count()
        for n, (kind, subject, body) in enumerate(self._happened(), start=after + 1):
            mark = f"entry-digest-{self.order}-{n}"
            rows.append(
                Entry(
                    place=subject.place,
                    writer="world",
                    seq=n,
                    kind=kind,
                    at=self.before(),
                    actor="account:1",
                    because="x",
                    subject_kind=subject._meta.label_lower,
                    subject_id=subject.pk,
                    body=body,
                    previous=mark,
                    digest=mark,
                )
            )
        # Entries cannot be changed once written, so their number is not in their words: the subject's is.
        for row in rows:
            row.because = f"y{row.subject_id}y"
        for row in Entry.objects.bulk_create(rows):
            subject = (row.subject_kind.split(".")[1], row.subject_id)
            kind = "looseend" if row.kind.startswith("lab.") else "entry"
            self.world.rows[kind, row.pk] = Row(kind, row.pk, row.place.path, names=(subject,))

    def _happened(self) -> Iterator[tuple[str, Any, dict[str, Any]]]:
        for case in self.cases:
            yield "trace.case_registered", case, {"person_id": case.person_id}
            yield "trace.interview_recorded", case, {"stays": [], "person_id": case.person_id}
        for one in self.investigations:
            yield "trace.investigation_opened", one, {}
        for one in self.proposals:
            yield f"warn.proposal_{'close' if one.state == 'closed' else 'watch'}", one, {}
        for one in self.events:
            yield "warn.alert_published", one, {"level": "red"}
        for one in self.incidents:
            yield "respond.incident_opened", one, {"incident": one.pk}
        yield "lab.result_unmatched", self.submissions[0], {"barcode": f"L{self.submissions[0].pk}", "answers": {}}
        yield "vault.opened", self.cases[0], {"purpose": "x"}
        yield "registry.account_made", self.cases[0], {}


def draw_or_none(draw: random.Random, rows: Sequence[Any]) -> Any:
    return draw.choice(rows) if draw.random() < 0.6 else None


def _receipt(place: Place, message_id: str) -> tuple[Receipt, bool]:
    return receipts.take(
        json.dumps({"rows": []}).encode(), source=f"api:{place.code}", message_id=message_id, channel="api",
        form="symptom-registration", place=place, sent_at=AT, at=AT,
    )  # fmt: skip
