"""The other roles' scripted work, so that one visitor can live through the outbreak alone.

The script plays every role but the one that asked, in the order of a real night: reports and results arrive, contacts
are moved, cases are interviewed, orders signed. It never does what the visitor's own role is there to do; it says what
that is.
"""

from datetime import datetime, timedelta

from citywatch.city.registry import queries as registry
from citywatch.city.respond import queries as respond_queries
from citywatch.city.respond import services as respond
from citywatch.city.trace import queries as trace_queries
from citywatch.city.trace import services as trace
from citywatch.city.trace.types import ContactTold, CoreTold, StayTold
from citywatch.city.warn import desk as warn_desk
from citywatch.city.warn import queries as warn_queries
from citywatch.city.warn import services as warn
from citywatch.city.warn.types import Sought
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.vault.types import Identity
from citywatch.server import wiring
from citywatch.server.demo import replay
from citywatch.server.demo.story import setting, tell
from citywatch.simulation.interviews import Interview

_ABILITIES = (
    *("warn.view", "warn.triage", "warn.publish", "trace.view", "trace.open", "trace.investigate", "trace.publish"),
    *(
        "respond.view",
        "respond.sign",
        "respond.command",
        "vault.masked",
        "lab.view",
        "report.view",
        "sense.view",
        "clock.view",
    ),
)
SIGNS_AFTER = timedelta(minutes=20)
MOVES_AFTER = timedelta(hours=3)
PUBLISHES_AFTER = timedelta(hours=15)
COMMANDS_AFTER = timedelta(hours=17)


def advance(until: datetime, *, role: str, progress: replay.Progress | None = None) -> None:
    """Play on to `until` (city time), for a visitor who is `role`."""
    of = setting()
    now = clock.now()
    end = clock.start_of(clock.day_of(of.first_positive) + timedelta(days=of.days_after + 1))
    if now >= end - timedelta(minutes=1):
        raise Refusal(
            "The story ends here; use `make demo-reset` to begin again.",
            zh="演示剧情已结束；运行 make demo-reset 可重新开始。",
        )
    until = min(until, end)
    script = _machine()
    _first_steps(script, role=role, at=now)
    city, outbreak = tell(of)
    told = {item.case_ref for item in outbreak.interviews if item.at <= now}
    moment = now
    while moment < until:
        step = min(moment + timedelta(hours=1), until)
        replay.send(of, city, outbreak, after=moment, until=step, progress=progress)
        for item in outbreak.interviews:
            if item.at <= step and item.case_ref not in told and _record(item, script, at=max(item.at, moment)):
                told.add(item.case_ref)
        _late_tellers(outbreak.interviews, script, before=now, at=step)
        _move_contacts(script, at=step)
        if role not in {"duty", "district"} and step >= of.first_positive + PUBLISHES_AFTER:
            _publish_source(script, at=step)
        if role != "commander" and step >= of.first_positive + COMMANDS_AFTER:
            _command(script, at=step)
        if role != "district":
            _sign_orders(script, at=step)
        wiring.catch_up()
        moment = step


def _machine() -> Viewer:
    return machine("demo-script", place=registry.city_place(), abilities=_ABILITIES)


def _first_steps(script: Viewer, *, role: str, at: datetime) -> None:
    """Verify the red proposal and open the investigation, unless that is the visitor's own work."""
    wiring.catch_up()
    events = warn_queries.open_events(script)
    if not events:
        if role == "duty":
            raise Refusal(
                "First verify the red proposal on the duty desk; the script waits for you.",
                zh="请先在预警研判页核实红色预警提议；演示会等您完成这一步。",
            )
        red = warn_desk.inbox(script, Sought(level="red")).rows
        if not red:
            return
        warn.verify(red[0].facts.id, by=script, at=at, because="实验室阳性，已电话核实")
        wiring.catch_up()
        events = warn_queries.open_events(script)
    for event in events:
        if trace_queries.investigation_for_event(event.id) is None:
            if role in {"duty", "district"}:
                raise Refusal(
                    "First open the investigation from the event's page; the script waits for you.",
                    zh="请先在事件页启动流调溯源；演示会等您完成这一步。",
                )
            trace.open_investigation(event.id, by=script, at=at, because="事件已核实")
    wiring.catch_up()


def _record(item: Interview, script: Viewer, *, at: datetime) -> bool:
    """Enter one interview; false when its case is not registered yet."""
    case_id = trace_queries.case_by_barcode(item.case_ref)
    if case_id is None:
        return False
    trace.record_interview(
        case_id,
        stays=[StayTold(place_code=stay.place_code, from_at=stay.from_at, to_at=stay.to_at) for stay in item.stays],
        contacts=[
            ContactTold(
                identity=Identity(name=claim.name, id_number=claim.id_number, phone=claim.phone, address=claim.address),
                kind=claim.kind,
                ground=claim.ground,
                first_at=claim.first_at,
                last_at=claim.last_at,
                place_code=claim.place_code,
            )
            for claim in item.contacts
        ],
        core=CoreTold(onset_date=clock.day_of(item.onset)),
        by=script,
        at=at,
    )
    return True


def _late_tellers(interviews: list[Interview], script: Viewer, *, before: datetime, at: datetime) -> None:
    """Cases whose interview was due before the investigation was open are interviewed now."""
    for item in interviews:
        if item.at <= before and not trace_queries.is_interviewed(item.case_ref):
            _record(item, script, at=at)


def _move_contacts(script: Viewer, *, at: datetime) -> None:
    """Bring close contacts to quarantine a few hours after they were listed; every eighth is late, as in life."""
    for contact_id in trace_queries.contacts_waiting(script, judged_before=at - MOVES_AFTER):
        if contact_id % 8:
            trace.move_contact(contact_id, "transfer", by=script, at=at)


def _publish_source(script: Viewer, *, at: datetime) -> None:
    """Publish the first-ranked place of each investigation that has published none."""
    for event in warn_queries.open_events(script):
        investigation = trace_queries.investigation_for_event(event.id)
        if investigation is None or trace_queries.risk_points(investigation_id=investigation):
            continue
        ranked = trace_queries.ranking(script, investigation)
        if ranked:
            trace.publish_risk_point(investigation, ranked[0].place_id, by=script, at=at, because=ranked[0].because.zh)
    wiring.catch_up()


def _command(script: Viewer, *, at: datetime) -> None:
    """Decide what the rule proposes where nobody has decided, and issue what was drafted."""
    for incident in respond_queries.open_incidents(script):
        if not incident.level and incident.proposed:
            respond.decide_level(incident.id, incident.proposed, by=script, at=at, because="按规则提议执行")
            respond.issue_orders(incident.id, by=script, at=at)


def _sign_orders(script: Viewer, *, at: datetime) -> None:
    for order in respond_queries.orders(script):
        if order.state == "issued" and order.issued_at and order.issued_at <= at - SIGNS_AFTER:
            respond.sign_order(order.id, by=script, at=at)
        elif order.state == "signed" and order.deadline and order.deadline - at < timedelta(hours=1):
            respond.complete_order(order.id, by=script, at=at)
