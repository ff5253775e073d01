"""The verbs of command: open, propose and decide a level, draft, issue, sign for and complete orders, close.

A machine proposes levels and drafts orders. Only a person with `respond.command` decides and issues, and only a person
with `respond.sign` at the recipient's place signs.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import cast

from django.db import transaction
from django.db.models import Max

from citywatch.city.registry import reference
from citywatch.city.registry.queries import city_desk, place_by_code, place_facts
from citywatch.city.respond import rules
from citywatch.city.respond.facts import level_facts
from citywatch.city.respond.models import Incident, LevelDecision, Order
from citywatch.city.respond.types import LevelFacts, OrderText
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Conflict, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place, must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle import services as lifecycle
from citywatch.mechanisms.lifecycle.models import Clock

_LONGEST = 300
"""Characters of an order; it is read on a telephone."""


@transaction.atomic
def open_incident(*, event_id: int, place: Place, title: Label, by: Viewer, at: datetime, because: str = "") -> int:
    """Begin managing a verified event, with a level proposed by rule; an event already managed keeps its incident."""
    known = Incident.objects.filter(event_id=event_id).first()
    if known is not None:
        return int(known.pk)
    if not by.may("respond.open", place.path):
        must(by, "respond.command", place)
    incident = Incident(event_id=event_id, place=place, title_zh=title.zh, title_en=title.en, opened_at=at)
    incident.save()  # its number goes into its own journal entry
    lifecycle.begin(
        incident, "respond.incident_opened", by=by, at=at, because=because, incident=incident.pk, event=event_id
    )
    _propose(incident, by=by, at=at)
    return int(incident.pk)


@transaction.atomic
def revise_level(incident_id: int, *, by: Viewer, at: datetime) -> str:
    """Ask the rule again with what is known now; a changed proposal is kept and journaled. Returns the proposal."""
    incident = Incident.objects.select_for_update().get(pk=incident_id)
    if not incident.is_done:
        _propose(incident, by=by, at=at)
    return str(incident.proposed)


@transaction.atomic
def decide_level(
    incident_id: int, level: str, *, by: Viewer, at: datetime, because: str, attested: Collection[str] = ()
) -> list[int]:
    """Decide the response level, which may differ from the proposal, and draft its orders; returns their numbers.

    `attested` are the grounds for lowering (see `rules.lowering_grounds`) that the decider vouches for. Drafts of an
    earlier level that the new one does not hold are cancelled; issued orders stand until they are cancelled by hand.
    """
    incident = _held(incident_id, by=by)
    if not because.strip():
        raise Refusal(
            "A level is decided with a reason; write one sentence.", zh="决定响应级别须说明理由；请写一句话。"
        )
    if level not in {"I", "II", "III", "IV"}:
        raise Refusal(
            f"There is no response level {level!r}; choose I, II, III or IV.",
            zh=f"没有“{level}”级响应；请在I、II、III、IV中选择。",
        )
    if level == incident.level:
        raise Conflict(
            f"Level {level} is already in force; nothing was changed.", zh=f"当前已是{level}级响应，无须重复决定。"
        )
    on, facts = clock.day_of(at), level_facts(incident.event_id, place_id=incident.place_id, at=at)
    if rules.is_lowering(incident.level, level):
        _refuse_early_lowering(facts, at=at, attested=attested)
    before, incident.level = incident.level, level
    incident.save(update_fields=["level"])
    _decision(incident, by=by, at=at, because=because, facts=facts, decided=level)
    journal.record(
        "respond.level_decided",
        place=incident.place,
        by=by,
        at=at,
        because=because,
        subject=incident,
        incident=incident.pk,
        proposed=incident.proposed,
        before=before,
        decided=level,
        attested=sorted(attested),
        facts=facts.as_body(),
    )
    texts = rules.package_orders(level, on=on, city_desk=city_desk().code, district_codes=_districts(incident, at=at))
    _withdraw_drafts(incident, keep=texts, level=level, by=by, at=at)
    return _draft(incident, texts, by=by, at=at)


@transaction.atomic
def draft_order(
    incident_id: int, *, recipient: str, place_code: str, text: str, within: timedelta, by: Viewer, at: datetime
) -> int:
    """Draft one more order in the commander's own words."""
    incident = _held(incident_id, by=by)
    known = [one.code for one in reference.response_recipients()]
    if recipient not in known:
        raise Refusal(
            f"{recipient[:40]!r} cannot be given an order; the recipients are {', '.join(known)}.",
            zh=f"不能向“{recipient[:40]}”下达指令；请从列表中选择接收单位。",
        )
    if len(text.strip()) > _LONGEST:
        raise Refusal(
            f"An order has at most {_LONGEST} characters and this has {len(text.strip())}; shorten it.",
            zh=f"指令内容最多{_LONGEST}字，现有{len(text.strip())}字；请缩短。",
        )
    if not text.strip():
        raise Refusal("An order needs a text; write what shall be done.", zh="指令内容未填写；请写明要做什么。")
    if within <= timedelta():
        raise Refusal(
            "An order is due after it is issued; give at least one hour.", zh="办结时限必须大于0；请至少给1小时。"
        )
    order = OrderText(recipient, place_code, Label(text.strip(), text.strip()), within, "commander")
    made = _draft(incident, [order], by=by, at=at)
    if not made:
        raise Conflict(
            "This recipient already has this order; nothing was added.", zh="该单位已有相同指令，未重复拟制。"
        )
    return made[0]


@transaction.atomic
def note_risk_point(
    event_id: int, *, risk_point: int, place_id: int, by: Viewer, at: datetime, because: str = ""
) -> list[int]:
    """Enter a published risk point in the log of the event's incident and draft what it asks for.

    Does nothing for an event that nobody manages, and nothing a second time. Returns the numbers of the orders.
    """
    held = Incident.objects.select_for_update(of=("self",)).select_related("place")
    incident = held.filter(event_id=event_id).first()
    if incident is None or incident.is_done or _is_noted(incident, risk_point):
        return []
    if not by.may("respond.open", incident.place.path):
        must(by, "respond.command", incident.place)
    facts = place_facts([place_id])[place_id]
    journal.record(
        "respond.risk_point_noted",
        place=incident.place,
        by=by,
        at=at,
        because=because,
        subject=incident,
        incident=incident.pk,
        risk_point=risk_point,
        risk_place=facts.code,
    )
    texts = rules.risk_point_orders(
        place_code=facts.code, district_code=facts.district_code or facts.code, name=facts.name
    )
    made = _draft(incident, texts, by=by, at=at)
    _propose(incident, by=by, at=at)
    return made


def _is_noted(incident: Incident, risk_point: int) -> bool:
    return Entry.objects.filter(
        kind="respond.risk_point_noted",
        subject_kind=incident._meta.label_lower,
        subject_id=incident.pk,
        body__risk_point=risk_point,
    ).exists()


@transaction.atomic
def issue_order(order_id: int, *, by: Viewer, at: datetime) -> None:
    """Send a drafted order to its recipient: from now run the half hour of its receipt and its own deadline."""
    _issue(_order(order_id, by=by), by=by, at=at)


@transaction.atomic
def issue_orders(incident_id: int, *, by: Viewer, at: datetime) -> int:
    """Send every drafted order of an incident; returns how many."""
    incident = _held(incident_id, by=by)
    drafted = list(Order.objects.visible_to(by).filter(incident=incident, state="drafted").select_related("place"))
    if not drafted:
        raise Refusal(
            "This incident has no drafted order to issue; decide a level or draft an order first.",
            zh="没有待下达的指令；请先决定响应级别或拟制指令。",
        )
    for order in drafted:
        _issue(order, by=by, at=at)
    return len(drafted)


@transaction.atomic
def sign_order(order_id: int, *, by: Viewer, at: datetime) -> None:
    """The recipient confirms that the order has arrived and is being carried out."""
    order = _order(order_id, by=by)
    lifecycle.advance(order, "sign", by=by, at=at, incident=order.incident_id, order=order.position)
    order.signed_at, order.signed_by = at, by.name
    order.save(update_fields=["signed_at", "signed_by"])


@transaction.atomic
def sign_orders(order_ids: Sequence[int], *, by: Viewer, at: datetime) -> int:
    """Confirm that several orders have arrived: all of them or, if one refuses, none. How many."""
    if not order_ids:
        raise Refusal("No order is marked; reload the page.", zh="未选择任何指令；请刷新页面。")
    for order_id in sorted(set(order_ids)):  # in one order for all, so that two who sign never wait for each other
        sign_order(order_id, by=by, at=at)
    return len(set(order_ids))


@transaction.atomic
def complete_order(order_id: int, *, by: Viewer, at: datetime, because: str = "") -> None:
    """The recipient reports the order done, with a sentence on how if there is something to say."""
    order = _order(order_id, by=by)
    lifecycle.advance(
        order, "complete", by=by, at=at, because=because, incident=order.incident_id, order=order.position
    )
    order.done_at = at
    order.save(update_fields=["done_at"])


@transaction.atomic
def cancel_order(order_id: int, *, by: Viewer, at: datetime, because: str) -> None:
    """Withdraw an order that is not done yet; the recipient sees the reason."""
    order = _order(order_id, by=by)
    lifecycle.advance(order, "cancel", by=by, at=at, because=because, incident=order.incident_id, order=order.position)


def move_order(order_id: int, move: str, *, by: Viewer, at: datetime, because: str = "") -> None:
    """Take one step of an order's table by its name, as the buttons and the API send it."""
    match move:
        case "issue":
            issue_order(order_id, by=by, at=at)
        case "sign":
            sign_order(order_id, by=by, at=at)
        case "complete":
            complete_order(order_id, by=by, at=at, because=because)
        case _:
            Order.LIFECYCLE.move(move)
            cancel_order(order_id, by=by, at=at, because=because)


@transaction.atomic
def move_incident(incident_id: int, move: str, *, by: Viewer, at: datetime, because: str) -> None:
    """Prepare to close, keep open, or close an incident."""
    if move == "close":
        close_incident(incident_id, by=by, at=at, because=because)
        return
    incident = _held(incident_id, by=by)
    lifecycle.advance(incident, move, by=by, at=at, because=because, incident=incident.pk)


@transaction.atomic
def close_incident(incident_id: int, *, by: Viewer, at: datetime, because: str) -> None:
    """End the response once no order is open; drafts that were never issued are cancelled."""
    incident = _held(incident_id, by=by)
    left = Order.objects.filter(incident=incident, state__in=("issued", "signed")).count()
    if left:
        raise Refusal(
            f"{left} orders are still open; see them done or cancel them before closing.",
            zh=f"尚有{left}条指令未办结；请办结或撤销后再终止响应。",
        )
    for draft in Order.objects.filter(incident=incident, state="drafted").select_related("place"):
        lifecycle.advance(draft, "cancel", by=by, at=at, because=because, incident=incident.pk, order=draft.position)
    lifecycle.advance(incident, "close", by=by, at=at, because=because, incident=incident.pk)


def _held(incident_id: int, *, by: Viewer) -> Incident:
    held = Incident.objects.visible_to(by).select_for_update(of=("self",)).select_related("place")
    incident = cast("Incident", held.pick_one(incident_id))
    must(by, "respond.command", incident.place)
    return incident


def _order(order_id: int, *, by: Viewer) -> Order:
    return Order.objects.visible_to(by).select_related("place", "incident").pick_one(order_id)  # type: ignore[return-value]


def _propose(incident: Incident, *, by: Viewer, at: datetime) -> None:
    """Keep the rule's present answer if it is a new one, or the first."""
    facts = level_facts(incident.event_id, place_id=incident.place_id, at=at)
    rule = rules.proposed_rule(facts, on=clock.day_of(at))
    proposed = rule.level if rule else ""
    first = not LevelDecision.objects.filter(incident=incident).exists()
    if proposed == incident.proposed and not first:
        return
    incident.proposed = proposed
    incident.save(update_fields=["proposed"])
    _decision(incident, by=by, at=at, because="", facts=facts)
    journal.record(
        "respond.level_proposed",
        place=incident.place,
        by=by,
        at=at,
        because=rule.describe().zh if rule else "",
        subject=incident,
        incident=incident.pk,
        proposed=proposed,
        facts=facts.as_body(),
    )


def _decision(
    incident: Incident, *, by: Viewer, at: datetime, because: str, facts: LevelFacts, decided: str = ""
) -> None:
    body = facts.as_body() | {"last_confirmed_on": facts.last_confirmed_on and facts.last_confirmed_on.isoformat()}
    LevelDecision.objects.create(
        place=incident.place,
        incident=incident,
        proposed=incident.proposed,
        decided=decided,
        facts=body,
        by=by.actor,
        by_name=by.name,
        at=at,
        because=because,
    )


def _refuse_early_lowering(facts: LevelFacts, *, at: datetime, attested: Collection[str]) -> None:
    missing = rules.unmet(rules.lowering_grounds(facts, on=clock.day_of(at)), attested=attested)
    if missing:
        raise Refusal(
            "The level cannot be lowered yet: "
            + "; ".join(ground.label.en for ground in missing)
            + ". Wait, or attest what the records cannot tell.",
            zh="尚不具备降级条件："
            + "；".join(ground.label.zh for ground in missing)
            + "。请待条件满足，或对系统无法判定的条件作出确认。",
        )


def _districts(incident: Incident, *, at: datetime) -> list[str]:
    """The district of the incident first, then every other district with a case."""
    facts = level_facts(incident.event_id, place_id=incident.place_id, at=at)
    own = incident.place.district_code or incident.place.code
    return [own, *[code for code in facts.district_codes if code != own]]


def _withdraw_drafts(incident: Incident, *, keep: Iterable[OrderText], level: str, by: Viewer, at: datetime) -> None:
    kept = {(text.recipient, text.place_code, text.text.zh) for text in keep}
    drafts = Order.objects.filter(incident=incident, state="drafted", origin__startswith="level ").select_related(
        "place"
    )
    for draft in drafts:
        if (draft.recipient, draft.place.code, draft.text_zh) not in kept:
            lifecycle.advance(
                draft, "cancel", by=by, at=at, because=f"改为{level}级响应", incident=incident.pk, order=draft.position
            )


def _draft(incident: Incident, texts: Iterable[OrderText], *, by: Viewer, at: datetime) -> list[int]:
    """Draft the orders that no open or finished order of this incident already gives to the same recipient."""
    given = set(
        Order.objects.filter(incident=incident)
        .exclude(state="cancelled")
        .values_list("recipient", "place__code", "text_zh")
    )
    position = Order.objects.filter(incident=incident).aggregate(last=Max("position"))["last"] or 0
    made = []
    for text in texts:
        if (text.recipient, text.place_code, text.text.zh) in given:
            continue
        position += 1
        order = Order(
            incident=incident,
            place=place_by_code(text.place_code),
            position=position,
            recipient=text.recipient,
            text_zh=text.text.zh,
            text_en=text.text.en,
            origin=text.origin,
            within=text.within,
            drafted_at=at,
        )
        lifecycle.begin(order, "respond.order_drafted", by=by, at=at, incident=incident.pk, order=position)
        made.append(order.pk)
    return made


def _issue(order: Order, *, by: Viewer, at: datetime) -> None:
    lifecycle.advance(order, "issue", by=by, at=at, incident=order.incident_id, order=order.position)
    order.issued_at, order.deadline = at, at + order.within
    order.save(update_fields=["issued_at", "deadline"])
    Clock.objects.create(
        code="order-done",
        place=order.place,
        subject_kind=order._meta.label_lower,
        subject_id=order.pk,
        started_at=at,
        due_at=order.deadline,
    )
