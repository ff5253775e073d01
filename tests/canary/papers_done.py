"""What a world's offices decided, what its accounts made, and what its journal says."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tests.canary.ground import AT
from tests.canary.oracle import Opened, Row, reach
from tests.canary.papers import Papers

from citywatch.city.respond.models import Incident, LevelDecision, Order
from citywatch.city.warn.models import DeskView
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Opening
from citywatch.mechanisms.vault.models import Export, LegalHold


def response(papers: Papers) -> None:
    papers.incidents = papers.keep(
        [
            Incident(
                place=event.place, state="open", event_id=event.pk, level="IV", proposed="III",
                opened_at=papers.before(), title_zh="x", title_en="x",
            )
            for event in papers.events
        ],
        about=lambda row: {"names": (("healthevent", row.event_id),)},
        text="#title_zh #title_en",
    )  # fmt: skip
    papers.keep(
        [
            LevelDecision(
                place=one.place, incident=one, proposed="III", decided="IV", by="account:1", at=AT, because="x"
            )
            for one in papers.incidents
        ],
        about=lambda row: {"names": (("incident", row.incident_id),)},
        text="because by_name",
    )
    issued = papers.before(20)
    orders = papers.keep(
        [
            Order(
                place=papers.draw.choice((papers.district(), one.place)), state=state, incident=one, position=n,
                recipient="district_team", text_zh="x", text_en="x", origin="x", within=timedelta(hours=2),
                drafted_at=issued, issued_at=None if state == "drafted" else issued,
                deadline=None if state == "drafted" else issued + timedelta(hours=2),
            )
            for one in papers.incidents
            for n, state in enumerate(("drafted", "issued", "issued", "done"))
        ],
        about=lambda row: {"names": (("incident", row.incident_id),)},
        text="text_zh text_en",
    )  # fmt: skip
    papers.clocks("order-receipt", [one for one in orders if one.state == "issued"])


def own_things(papers: Papers) -> None:
    accounts = papers.base.accounts
    owner = {f"account:{one.pk}": one for one in accounts}

    def made_by(row: Any) -> dict[str, Any]:
        return {"owner": f"account:{row.account_id}"}

    if papers.order == 0:
        papers.keep(
            [
                DeskView(
                    place=papers.draw.choice((papers.district(), papers.base.places["110000"])), owner=who, name=who
                )
                for who in owner
            ],
            about=lambda row: {"owner": row.owner},
            text="name query",
        )
    else:
        owner = dict(list(owner.items())[:1])  # whoever holds nothing
    approving = [who for who in owner if "export.approve" in reach(papers.world, who)] or [*owner]
    papers.keep(
        [
            Export(
                place=papers.district(), account=owner[papers.draw.choice([*owner] if n < 4 else approving)], kind=kind,
                because="x", rows=900, tracks=900, second=True, asked_at=papers.before(5),
                mark=f"{papers.order * 10 + n:032x}", approved_at=AT if n < 4 else None,
                purpose=("response", "research")[n // 3],
            )
            for n, kind in enumerate(("contacts", "cases", "stays", "cases", "contacts", "stays"))
        ],
        about=made_by,
        text="because",
    )  # fmt: skip
    rows = []
    tracing = [who for who in owner if "trace.view" in reach(papers.world, who)] or [*owner]
    for n in range(3):
        case = papers.draw.choice(papers.cases)
        until = AT + timedelta(hours=2) if n < 2 else AT - timedelta(minutes=1)
        rows.append(
            Opening(
                place=case.place,
                account=owner[papers.draw.choice(tracing)],
                kind="trace.case",
                number=case.pk,
                person=case.person_id,
                because="x",
                opened_at=until - timedelta(hours=4),
                until=until,
            )
        )
    for row in papers.keep(rows, about=lambda row: made_by(row) | {"names": (("case", row.number),)}, text="because"):
        papers.world.openings.append(Opened(f"account:{row.account_id}", row.number, row.until))
    papers.keep(
        [
            LegalHold(
                place=papers.district(), person_id=papers.person(), because="x", ordered_by="x", placed_by="x",
                placed_at=AT - timedelta(days=1), until=AT + timedelta(days=30),
            )
        ],
        text="because ordered_by",
    )  # fmt: skip


def journal(papers: Papers) -> None:
    rows = []
    after = Entry.objects.filter(writer="world").count()
    for n, (kind, subject, body) in enumerate(_happened(papers), start=after + 1):
        mark = f"entry-digest-{papers.order}-{n}"
        rows.append(
            Entry(
                place=subject.place,
                writer="world",
                seq=n,
                kind=kind,
                at=papers.before(),
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
        papers.world.rows[kind, row.pk] = Row(kind, row.pk, row.place.path, names=(subject,))


def _happened(papers: Papers) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    for case in papers.cases:
        yield "trace.case_registered", case, {"person_id": case.person_id}
        yield "trace.interview_recorded", case, {"stays": [], "person_id": case.person_id}
    for one in papers.investigations:
        yield "trace.investigation_opened", one, {}
    for one in papers.proposals:
        yield f"warn.proposal_{'close' if one.state == 'closed' else 'watch'}", one, {}
    for one in papers.events:
        yield "warn.alert_published", one, {"level": "red"}
    for one in papers.incidents:
        yield "respond.incident_opened", one, {"incident": one.pk}
    yield "lab.result_unmatched", papers.submissions[0], {"barcode": f"L{papers.submissions[0].pk}", "answers": {}}
    yield "vault.opened", papers.cases[0], {"purpose": "x"}
    yield "registry.account_made", papers.cases[0], {}
