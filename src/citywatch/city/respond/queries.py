"""Incidents, orders and their lateness, and the one log, as a viewer may see them."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Q, Subquery

from citywatch.city.registry import queries as registry
from citywatch.city.registry import reference
from citywatch.city.respond import rules
from citywatch.city.respond.facts import level_facts
from citywatch.city.respond.models import Incident, LevelDecision, Order
from citywatch.city.respond.types import (
    DecisionLine,
    IncidentFacts,
    IncidentPage,
    LevelCard,
    LogLine,
    OrderCounts,
    OrderFacts,
    Overview,
)
from citywatch.mechanisms import clock
from citywatch.mechanisms.finding import MOST, Found, Sought
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Account, Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.models import Clock

_OPEN = ("issued", "signed")
_URGENCY = ("issued", "signed", "drafted", "done", "cancelled")


def open_incidents(viewer: Viewer) -> list[IncidentFacts]:
    """Incidents being managed, newest first."""
    return [incident for incident in incidents(viewer) if incident.state != "closed"]


def incidents(viewer: Viewer) -> list[IncidentFacts]:
    """Every incident the viewer may see, newest first."""
    rows = list(_incident_rows(viewer))
    counts = _counts_by_incident(viewer, [row.pk for row in rows])
    return [_incident(row, counts[row.pk], viewer) for row in rows]


def find(viewer: Viewer, sought: Sought) -> list[Found]:
    """Incidents by words of their title."""
    named = Q(title_zh__icontains=sought.words) | Q(title_en__icontains=sought.words)
    rows = _incident_rows(viewer).filter(named)[:MOST]
    return [Found.row("incident", row, Label(row.title_zh, row.title_en)) for row in rows]


def incident(viewer: Viewer, incident_id: int) -> IncidentFacts:
    """One incident; refuses when it is absent or hidden."""
    row = Incident.objects.visible_to(viewer).select_related("place").pick_one(incident_id)
    return _incident(row, _counts_by_incident(viewer, [incident_id])[incident_id], viewer)  # type: ignore[arg-type]


def incident_for_event(viewer: Viewer, event_id: int) -> int | None:
    """The incident that manages an event, if there is one the viewer may see."""
    return Incident.objects.visible_to(viewer).filter(event_id=event_id).values_list("pk", flat=True).first()


def overview(viewer: Viewer) -> Overview:
    """What is being managed now, in two questions: a wall asks them every quarter of a minute."""
    running = ~Q(incident__state="closed") | Q(state__in=_OPEN)
    found = _orders(viewer, _order_rows(viewer).filter(running))
    by_incident: dict[int, list[OrderFacts]] = defaultdict(list)
    for order in found:
        by_incident[order.incident_id].append(order)
    rows = _incident_rows(viewer).exclude(state="closed")
    return Overview(
        incidents=[_incident(row, _count(by_incident[row.pk]), viewer) for row in rows],
        open_orders=[order for order in found if order.state in _OPEN],
        counts=_count(found),
    )


def orders(viewer: Viewer, incident_id: int | None = None, *, open_only: bool = False) -> list[OrderFacts]:
    """Orders whose recipient's place the viewer reaches: what awaits an answer first, then by deadline."""
    rows = _order_rows(viewer)
    if incident_id is not None:
        rows = rows.filter(incident_id=incident_id)
    if open_only:
        rows = rows.filter(state__in=_OPEN)
    return _orders(viewer, rows)


def _order_rows(viewer: Viewer) -> Any:
    """Orders, each with the clock of its receipt beside it."""
    receipt = Clock.objects.filter(
        code="order-receipt", subject_kind=Order._meta.label_lower, subject_id=OuterRef("pk")
    ).order_by("-started_at")
    return (
        Order.objects.visible_to(viewer)
        .select_related("place", "incident")
        .annotate(
            receipt_due_at=Subquery(receipt.values("due_at")[:1]),
            receipt_stopped_at=Subquery(receipt.values("stopped_at")[:1]),
        )
    )


def _incident_rows(viewer: Viewer) -> Any:
    return Incident.objects.visible_to(viewer).select_related("place").order_by("-opened_at", "-pk")


def _orders(viewer: Viewer, rows: Any) -> list[OrderFacts]:
    now = clock.now()
    facts = [_order(row, viewer, now) for row in rows]
    return sorted(
        facts, key=lambda one: (_URGENCY.index(one.state), one.deadline or now, one.incident_id, one.position)
    )


def orders_to_sign(viewer: Viewer) -> list[OrderFacts]:
    """Issued orders at the places where this viewer signs, and those they signed and have not yet reported done."""
    return [
        order for order in orders(viewer, open_only=True) if any(move.needs == "respond.sign" for move in order.moves)
    ]


def finished_orders(viewer: Viewer, *, most: int = 20) -> list[OrderFacts]:
    """The orders last reported done or cancelled, newest first."""
    done = [order for order in orders(viewer) if order.state in {"done", "cancelled"}]
    return sorted(done, key=lambda one: one.done_at or one.issued_at or clock.now(), reverse=True)[:most]


def order_counts(viewer: Viewer) -> OrderCounts:
    """All orders the viewer reaches, by state and lateness."""
    return _count(orders(viewer))


def decisions(viewer: Viewer, incident_id: int) -> list[DecisionLine]:
    """Proposals and decisions on the level, in the order they were made."""
    rows = LevelDecision.objects.visible_to(viewer).filter(incident_id=incident_id).order_by("at", "pk")
    return [DecisionLine(row.at, row.proposed, row.decided, row.by_name, row.because, row.facts) for row in rows]


def level_cards(row: IncidentFacts) -> list[LevelCard]:
    """The four levels as they may be decided today, gravest first."""
    on = clock.today()
    described = {rule.level: rule.describe() for rule in rules.level_rules(on)}
    return [
        LevelCard(
            level=one.level,
            colour=one.colour,
            name=Label(one.name_zh, one.name_en),
            decider=Label(one.decider_zh, one.decider_en),
            orders=len(one.orders),
            rule=described.get(one.level, rules.LEVEL_I),
            proposed=one.level == row.proposed,
            current=one.level == row.level,
        )
        for one in reference.response_packages(on)
    ]


def incident_page(viewer: Viewer, incident_id: int) -> IncidentPage:
    """One incident with its orders, its level, its log and who may still be told what; refuses as `incident` does."""
    row: Any = Incident.objects.visible_to(viewer).select_related("place").pick_one(incident_id)
    found, now = orders(viewer, incident_id), clock.now()
    told = _incident(row, _count(found), viewer)
    facts = level_facts(row.event_id, place_id=row.place_id, at=now)
    areas = sorted((area for area in registry.areas().values() if area.kind != Place.Kind.STREET), key=lambda a: a.path)
    return IncidentPage(
        incident=told,
        cards=level_cards(told),
        decisions=decisions(viewer, incident_id),
        grounds=rules.lowering_grounds(facts, on=clock.day_of(now)),
        orders=found,
        log=_log_of(viewer, incident_id),
        commands=row.state != "closed" and viewer.may("respond.command", row.place.path),
        recipients=[(one.code, Label(one.name_zh, one.name_en)) for one in reference.response_recipients()],
        places=[(area.code, _name(area)) for area in areas],
    )


def incident_log(viewer: Viewer, incident_id: int) -> list[LogLine]:
    """Everything the journal holds on an incident that the viewer's places may read, newest first."""
    incident(viewer, incident_id)
    return _log_of(viewer, incident_id)


def _log_of(viewer: Viewer, incident_id: int) -> list[LogLine]:
    subject = Q(subject_kind=Incident._meta.label_lower, subject_id=incident_id)
    entries = (
        Entry.objects.visible_to(viewer)
        .filter(Q(body__incident=incident_id) | subject, kind__startswith="respond.")
        .select_related("place")
        .order_by("-at", "-pk")
    )
    found = list(entries)
    names = _actor_names(entry.actor for entry in found)
    return [_line(entry, names) for entry in found]


def _incident(row: Incident, counts: OrderCounts, viewer: Viewer) -> IncidentFacts:
    return IncidentFacts(
        id=row.pk,
        event_id=row.event_id,
        place_id=row.place_id,
        place_name=_name(row.place),
        title=Label(row.title_zh, row.title_en),
        state=row.state,
        state_label=row.state_label,
        opened_at=row.opened_at,
        proposed=row.proposed,
        level=row.level,
        orders=counts,
        moves=tuple(row.moves_for(viewer)),
    )


def _order(row: Any, viewer: Viewer, now: datetime) -> OrderFacts:
    ends = row.done_at or now
    due = row.receipt_due_at
    return OrderFacts(
        id=row.pk,
        incident_id=row.incident_id,
        incident_title=Label(row.incident.title_zh, row.incident.title_en),
        position=row.position,
        text=Label(row.text_zh, row.text_en),
        recipient=row.recipient,
        recipient_name=rules.recipient_name(row.recipient),
        place_id=row.place_id,
        place_name=_name(row.place),
        origin=row.origin,
        state=row.state,
        state_label=row.state_label,
        within=row.within,
        issued_at=row.issued_at,
        receipt_due_at=due,
        signed_at=row.signed_at,
        signed_by=row.signed_by,
        deadline=row.deadline,
        done_at=row.done_at,
        receipt_late=bool(due and row.state != "cancelled" and (row.receipt_stopped_at or now) > due),
        late=bool(row.deadline and row.state != "cancelled" and ends > row.deadline),
        moves=tuple(row.moves_for(viewer)),
    )


def _counts_by_incident(viewer: Viewer, ids: Iterable[int]) -> dict[int, OrderCounts]:
    by_incident: dict[int, list[OrderFacts]] = defaultdict(list)
    ids = list(ids)
    for order in _orders(viewer, _order_rows(viewer).filter(incident__in=ids)):
        by_incident[order.incident_id].append(order)
    return {pk: _count(by_incident[pk]) for pk in ids}


def _count(found: Iterable[OrderFacts]) -> OrderCounts:
    found = list(found)
    by_state = {state: sum(order.state == state for order in found) for state in _URGENCY}
    return OrderCounts(
        **by_state,
        receipt_late=sum(order.receipt_late and order.state == "issued" for order in found),
        late=sum(order.late and order.is_open for order in found),
    )


def _name(place: Place) -> Label:
    return Label(place.name_zh, place.name_en)


_WORDS = {
    "respond.incident_opened": Label("启动处置", "Incident opened"),
    "respond.level_proposed": Label("规则提议响应级别", "Level proposed by rule"),
    "respond.level_decided": Label("决定响应级别", "Level decided"),
    "respond.risk_point_noted": Label("风险点位发布", "Risk point published"),
    "respond.order_drafted": Label("拟制指令", "Order drafted"),
    "respond.order_issue": Label("下达指令", "Order issued"),
    "respond.order_sign": Label("签收指令", "Order received"),
    "respond.order_complete": Label("指令办结", "Order done"),
    "respond.order_cancel": Label("撤销指令", "Order cancelled"),
    "respond.incident_start_closing": Label("拟终止响应", "Preparing to close"),
    "respond.incident_reopen": Label("继续处置", "Kept open"),
    "respond.incident_close": Label("终止响应", "Incident closed"),
}
_SYSTEM = Label("系统", "The system")


def _line(entry: Entry, names: dict[str, str]) -> LogLine:
    body = entry.body
    detail = Label("", "")
    if "order" in body:
        detail = Label(f"第{body['order']}号", f"no. {body['order']}")
    elif "decided" in body:
        detail = Label(
            f"{body['decided']}级（规则提议{body['proposed'] or '无'}）",
            f"level {body['decided']} (rule: {body['proposed'] or 'none'})",
        )
    elif "proposed" in body:
        detail = Label(
            f"{body['proposed']}级" if body["proposed"] else "暂不提议",
            f"level {body['proposed']}" if body["proposed"] else "none yet",
        )
    elif "risk_place" in body:
        detail = Label(body["risk_place"], body["risk_place"])
    return LogLine(
        at=entry.at,
        kind=entry.kind,
        words=_WORDS.get(entry.kind, Label(entry.kind, entry.kind)),
        actor=names.get(entry.actor) or str(_SYSTEM),
        because=_rule_behind(entry) or entry.because,
        place_name=_name(entry.place),
        detail=detail,
    )


def _rule_behind(entry: Entry) -> str:
    """The rule that proposed a level, as it read that day, in the reader's language: the journal keeps it in one."""
    if entry.kind != "respond.level_proposed":
        return ""
    in_force = rules.level_rules(clock.day_of(entry.at))
    return next((str(rule.describe()) for rule in in_force if rule.level == entry.body["proposed"]), "")


def _actor_names(actors: Iterable[str]) -> dict[str, str]:
    """The titles of the accounts among these actors; machines have none."""
    ids = {int(actor.split(":")[1]): actor for actor in actors if actor.startswith("account:")}
    return {ids[account.pk]: account.title for account in Account.objects.filter(pk__in=ids)}
