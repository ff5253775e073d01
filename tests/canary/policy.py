"""What each address may show, and who may act through it: the declaration that every new address has to join.

A page is declared with the kinds of rows it may tell of: a bare kind allows every depth, `kind.number` that depth
alone. An address that changes something is declared with the ability that is needed at the row's place. Whoever adds an
address and leaves it out here breaks `test_policy.py`, which says so.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.canary.oracle import Row, World, holds, reach, rows_seen

Allows = Callable[[World, str, Row], bool]


@dataclass(frozen=True, slots=True)
class Get:
    """An address that is looked at; `{n}` in it is the number of a row of `kind`."""

    name: str
    path: str
    doors: frozenset[str]
    shows: frozenset[str]
    kind: str = ""
    queries: tuple[str, ...] = ("",)
    compared: bool = True
    """Whether it answers alike whatever is hidden: not where it counts the whole city, or tells the time of asking."""

    def lets_in(self, held: dict[str, set[str]]) -> bool:
        """Whether somebody with these abilities, somewhere, gets past the door at all."""
        return not self.doors or bool(self.doors & held.keys()) or (self.doors == {"any"} and bool(held))


@dataclass(frozen=True, slots=True)
class Post:
    """An address that changes a row of `kind`, with a body that the right person could send."""

    name: str
    path: str
    kind: str
    allows: Allows
    body: dict[str, object] = field(default_factory=dict)
    opens: bool = False
    names_the_refused: bool = False  # a list of rows is answered with those that could not be moved

    @property
    def shows(self) -> frozenset[str]:
        """The number it was asked about; whoever is allowed may be shown the page of the row again."""
        return frozenset({f"{self.kind}.number", *_SHOWN_AGAIN.get(self.name, "").split()})


def at_its_place(*abilities: str) -> Allows:
    """Somebody who sees the row and holds one of the abilities at its place."""

    def allows(world: World, who: str, row: Row) -> bool:
        held = reach(world, who)
        return (row.kind, row.number) in rows_seen(world, who) and any(holds(held, a, row.path) for a in abilities)

    return allows


def get(name: str, path: str, doors: str, shows: str = "", kind: str = "", *queries: str) -> Get:
    return Get(name, path, frozenset(doors.split()), frozenset(shows.split()), kind, ("", *queries))


ROUTES = (
    get("home", "/", "", ""),
    get("health", "/health", "", ""),
    Get("sessions", "/accounts/sessions/", frozenset(), frozenset(), compared=False),
    get("session_left", "/accounts/session/", "", ""),
    get("display", "/display/", "", ""),
    get("public:home", "/public/", "", ""),
    get("public:file", "/public/zh/situation.html", "", ""),
    get("outline", "/maps/outline.json", "", ""),
    get("grid", "/maps/grid.json", "", ""),
    get("exports:home", "/exports/", "export.take export.approve", "export"),
    get("emergency:home", "/emergency/", "emergency.open emergency.see emergency.review", "opening case.number"),
    get("administration:accounts", "/administration/accounts/", "accounts.manage", "machinekey"),
    get(
        "administration:audit",
        "/administration/audit/",
        "journal.audit",
        "entry case",
        "",
        "?group=identities",
        "?group=emergencies",
        "?group=exports",
        "?page=2",
    ),
    get("administration:rights", "/administration/rights/", "grants.manage", "grant"),
    get("uploads:home", "/uploads/", "sense.submit", ""),
    get(
        "uploads:form",
        "/uploads/symptom-registration/",
        "sense.submit",
        "",
        "",
        "?site=110106018-C01",
        "?site=110102009-C01",
    ),
    get("uploads:guide", "/uploads/symptom-registration/guide/", "sense.submit", ""),
    Get(
        "uploads:template",
        "/uploads/symptom-registration/template.xlsx",
        frozenset({"sense.submit"}),
        frozenset(),
        compared=False,
    ),
    get("uploads:done", "/uploads/done/{n}/", "sense.submit", "receipt", "receipt"),
    get("sense:home", "/sense/", "sense.submit", "submission receipt.number quarantinedrow.number person.masked"),
    get(
        "sense:form",
        "/sense/forms/symptom-registration/",
        "sense.submit",
        "",
        "",
        "?site=110106018-C01",
        "?site=110102009-C01",
    ),
    get("sense:shell", "/sense/shell/symptom-registration/", "sense.submit", "", "", "?site=110102009-C01"),
    Get("sense:queue", "/sense/queue/", frozenset({"sense.submit"}), frozenset(), compared=False),  # a token each time
    get("sense:worker", "/sense/worker.js", "sense.submit", ""),
    get("sense:done", "/sense/done/{n}/", "sense.submit", "receipt quarantinedrow", "receipt"),
    get("sense:coverage", "/sense/coverage/", "sense.view", "", "", "?day=2020-06-11", "?day=2020-06-10"),
    get("sense:holds", "/sense/holds/", "sense.view", "hold.number sample.number person.masked"),
    get("sense:quarantine", "/sense/quarantine/", "receipt.view", "quarantinedrow receipt.number"),
    get("sense:settle", "/sense/quarantine/{n}/", "sense.submit", "quarantinedrow receipt.number", "quarantinedrow"),
    get("lab:worklist", "/lab/", "lab.view", "sample.number submission.number"),
    get("lab:result", "/lab/result/", "lab.result", "sample.number", "", "?barcode=L105000000001"),
    get("lab:sample", "/lab/samples/{n}/", "lab.view", "sample submission.number", "sample"),
    get(
        "warn:inbox",
        "/warn/",
        "warn.view",
        "proposal.number healthevent.number deskview",
        "",
        "?level=red",
        "?district=110106",
        "?state=closed",
        "?state=all",
        "?hazard=ili",
        "?stream=symptom",
        "?words=Street",
        "?page=2",
    ),
    get("warn:live", "/warn/live/", "warn.view", "proposal.number"),
    get("warn:proposal", "/warn/proposals/{n}/", "warn.view", "proposal signal.number healthevent.number", "proposal"),
    get(
        "warn:glance",
        "/warn/proposals/{n}/glance/",
        "warn.view",
        "proposal signal.number healthevent.number",
        "proposal",
    ),
    get("warn:detectors", "/warn/detectors/", "warn.view", ""),
    get("warn:detector", "/warn/detectors/c3/", "warn.set_detectors", ""),
    get("warn:feedback", "/warn/feedback/", "warn.view", "proposal.history proposal.number", "", "?weeks=4"),
    get("warn:events", "/warn/events/", "warn.view", "healthevent.number proposal.number", "", "?page=2"),
    get(
        "warn:event",
        "/warn/events/{n}/",
        "warn.view",
        "healthevent alert proposal.number investigation.number incident.number",
        "healthevent",
    ),
    get(
        "trace:investigations", "/trace/", "trace.view", "case.number contact.number investigation.number person.masked"
    ),
    get(
        "trace:investigation",
        "/trace/investigations/{n}/",
        "trace.view",
        "case.number case.history contact.number investigation.number investigation.history person.masked "
        "healthevent.number riskpoint link",
        "investigation",
        "?direction=forward",
        "?without_case=100000000001",
    ),
    get(
        "trace:case",
        "/trace/cases/{n}/",
        "trace.view",
        "case sample.number case.number contact.number investigation.number person.masked",
        "case",
    ),
    get(
        "trace:interview",
        "/trace/cases/{n}/interview/",
        "trace.investigate",
        "case sample.number case.number contact.number investigation.number person.masked",
        "case",
    ),
    get(
        "trace:beside", "/trace/cases/{n}/beside/", "trace.investigate", "case.number person.number", "case", "?ring=2"
    ),
    get(
        "trace:contacts",
        "/trace/contacts/",
        "trace.view",
        "case.number contact.number investigation.number person.masked",
        "",
        "?kind=close",
        "?state=listed",
        "?state=handed_over",
        "?page=2",
    ),
    get("trace:risk_points", "/trace/risk-points/", "trace.view", "riskpoint investigation.number"),
    Get("trace:status", "/trace/status/", frozenset({"trace.view"}), frozenset(), compared=False),
    get("trace:places", "/trace/places/", "trace.investigate", "", "", "?q=Market", "?q=110106018"),
    get("respond:incidents", "/respond/", "respond.view", "incident.number healthevent.number order"),
    get("respond:my_orders", "/respond/orders/", "respond.sign respond.view", "order incident.number"),
    get(
        "respond:incident",
        "/respond/{n}/",
        "respond.view",
        "incident healthevent.number investigation.number leveldecision order",
        "incident",
    ),
    get("drill:home", "/drill/", "drill.start", ""),
    get("drill:sheet", "/drill/sheet/", "drill.start", ""),
    get("drill:sheet_docx", "/drill/sheet.docx", "drill.start", ""),
    get("report:command", "/command/", "report.view", "incident.number order proposal.number case.number"),
    get("report:command_live", "/command/live/", "report.view", "incident.number order proposal.number case.number"),
    get("report:situation", "/situation/", "report.view", "", "", "?as_of=2020-06-11T10:00"),
    get("report:situation_docx", "/situation.docx", "report.view", ""),
    get("report:press", "/press/", "report.public report.press", ""),
    get("GET /api/city", "/api/city", "", "machinekey"),
    get("GET /api/registry/places", "/api/registry/places", "any", "", "", "?below=110106"),
    get("GET /api/registry/places/{code}", "/api/registry/places/110106018-C01", "any", ""),
    get("GET /api/registry/institutions", "/api/registry/institutions", "sense.view", ""),
    get("GET /api/registry/diseases", "/api/registry/diseases", "any", ""),
    get("GET /api/forms", "/api/forms", "any", ""),
    get("GET /api/forms/{code}", "/api/forms/symptom-registration", "any", ""),
    get("GET /api/coverage", "/api/coverage", "sense.view", "", "", "?day=2020-06-11"),
    get(
        "GET /api/submissions/{submission_id}",
        "/api/submissions/{n}",
        "sense.view",
        "submission receipt.number person.number",
        "submission",
    ),
    get("GET /api/receipts/{receipt_id}", "/api/receipts/{n}", "receipt.view", "receipt", "receipt"),
    get("GET /api/holds", "/api/holds", "sense.view", "hold.number sample.number"),
    get("GET /api/quarantine", "/api/quarantine", "receipt.view", "quarantinedrow receipt.number"),
    get("GET /api/lab/samples", "/api/lab/samples", "lab.view", "sample.number"),
    get("GET /api/lab/results", "/api/lab/results", "lab.view", "sample.number"),
    get("GET /api/lab/loose-ends", "/api/lab/loose-ends", "lab.view", "submission.number sample.number"),
    get(
        "GET /api/warn/proposals",
        "/api/warn/proposals",
        "warn.view",
        "proposal.number healthevent.number",
        "",
        "?state=all",
        "?level=red",
        "?page=2",
    ),
    get(
        "GET /api/warn/proposals/{proposal_id}",
        "/api/warn/proposals/{n}",
        "warn.view",
        "proposal healthevent.number signal.number",
        "proposal",
    ),
    get(
        "GET /api/warn/proposals/{proposal_id}/evidence",
        "/api/warn/proposals/{n}/evidence",
        "warn.view",
        "signal.number proposal.number",
        "proposal",
    ),
    get(
        "GET /api/warn/signals",
        "/api/warn/signals",
        "warn.view",
        "signal.number proposal.number",
        "",
        "?day=2020-06-11",
    ),
    get("GET /api/warn/events", "/api/warn/events", "warn.view", "healthevent.number proposal.number", "", "?page=2"),
    get(
        "GET /api/warn/feedback", "/api/warn/feedback", "warn.view", "proposal.history proposal.number", "", "?weeks=4"
    ),
    get("GET /api/warn/feedback.csv", "/api/warn/feedback.csv", "warn.view", "proposal.history proposal.number"),
    get("GET /api/warn/detectors", "/api/warn/detectors", "warn.view", ""),
    get("GET /api/warn/detectors/decisions", "/api/warn/detectors/decisions", "warn.view", ""),
    get(
        "GET /api/trace/investigations",
        "/api/trace/investigations",
        "trace.view",
        "investigation.number healthevent.number",
    ),
    get(
        "GET /api/trace/investigations/{investigation_id}",
        "/api/trace/investigations/{n}",
        "trace.view",
        "investigation healthevent.number case.number",
        "investigation",
    ),
    get(
        "GET /api/trace/investigations/{investigation_id}/places",
        "/api/trace/investigations/{n}/places",
        "trace.view",
        "",
        "investigation",
    ),
    get(
        "GET /api/trace/investigations/{investigation_id}/spread",
        "/api/trace/investigations/{n}/spread",
        "trace.view",
        "",
        "investigation",
    ),
    get(
        "GET /api/trace/investigations/{investigation_id}/source-lock",
        "/api/trace/investigations/{n}/source-lock",
        "trace.view",
        "",
        "investigation",
    ),
    get(
        "GET /api/trace/risk-points",
        "/api/trace/risk-points",
        "trace.view",
        "riskpoint investigation.number healthevent.number",
    ),
    get("GET /api/trace/cases/{case_id}", "/api/trace/cases/{n}", "trace.view", "case.number", "case"),
    get(
        "GET /api/trace/cases/{case_id}/contacts",
        "/api/trace/cases/{n}/contacts",
        "trace.view",
        "contact.number case.number",
        "case",
    ),
    get("GET /api/respond/incidents", "/api/respond/incidents", "respond.view", "incident.number healthevent.number"),
    get(
        "GET /api/respond/incidents/{incident_id}",
        "/api/respond/incidents/{n}",
        "respond.view",
        "incident.number healthevent.number",
        "incident",
    ),
    get(
        "GET /api/respond/incidents/{incident_id}/log",
        "/api/respond/incidents/{n}/log",
        "respond.view",
        "incident",
        "incident",
    ),
    get("GET /api/respond/orders", "/api/respond/orders", "respond.view", "order incident.number"),
    get("GET /api/report/situation", "/api/report/situation", "report.view", "", "", "?as_of=2020-06-11T02:00:00Z"),
    get(
        "GET /api/report/command",
        "/api/report/command",
        "report.view",
        "incident.number order proposal.number case.number",
    ),
    get("GET /api/report/press", "/api/report/press", "report.public", ""),
)
_BECAUSE = {"because": "电话核实情况属实"}
_CASE = "/trace/cases/{n}"
_API_CASE = "/api/trace/cases/{n}"
_CONTACT = "/api/trace/contacts/{n}"
_TRACES = at_its_place("trace.investigate")
_OPENS_TRACES = at_its_place("trace.open")
_COMMANDS = at_its_place("respond.command")
_PUBLISHES = at_its_place("warn.publish")
_TRIAGES = at_its_place("warn.triage")
_SUBMITS = at_its_place("sense.submit")


def _opens_identity(world: World, who: str, row: Row) -> bool:
    """The case is seen, and its person is known where the asker may open identities, or the case is open to them."""
    if (row.kind, row.number) not in rows_seen(world, who):
        return False
    held = reach(world, who)
    opened = any(one.who == who and one.case == row.number and one.until > world.at for one in world.openings)
    known = row.person is not None and any(holds(held, "vault.open", path) for path in world.known[row.person])
    return "vault.open" in held and (known or opened)


def _its_owner(_world: World, who: str, row: Row) -> bool:
    return row.owner == who


def _as_second(ability: str) -> Allows:
    """Somebody who holds the ability at the row's place and did not make it."""
    return lambda world, who, row: row.owner != who and holds(reach(world, who), ability, row.path)


def _opens_investigation(world: World, who: str, row: Row) -> bool:
    """Whoever opens investigations in the event's whole district."""
    return holds(reach(world, who), "trace.open", "/".join(row.path.split("/")[:2]) + "/")


def post(name: str, path: str, of: str, allows: Allows, /, **body: object) -> Post:
    return Post(name, path, of, allows, body)


_SHOWN_AGAIN = {
    "trace:identity": "case contact.number investigation.number person",
    "trace:interview": "case contact.number investigation.number person.masked",
    "trace:beside": "person.number",
    "trace:open": "investigation.number",
    "exports:take": "case contact.number investigation.number person.masked",
    "POST /api/trace/investigations": "investigation.number",
}
POSTS = (
    post("exports:take", "/exports/take/", "export", _its_owner, export="{n}"),
    post("trace:open", "/trace/open/{n}/", "healthevent", _opens_investigation, **_BECAUSE),
    post(
        "POST /api/trace/investigations",
        "/api/trace/investigations",
        "healthevent",
        _opens_investigation,
        event_id="{n}",
    ),
    Post(
        "trace:contacts_move",
        "/trace/contacts/move/",
        "contact",
        _TRACES,
        {"contact": "{n}", "move": "notify"},
        names_the_refused=True,
    ),
    Post(
        "POST /api/trace/contacts/moves",
        "/api/trace/contacts/moves",
        "contact",
        _TRACES,
        {"contacts": ["{n}"], "move": "notify"},
        names_the_refused=True,
    ),
    post("trace:classify", f"{_CASE}/classify/", "case", _TRACES, classification="suspected", **_BECAUSE),
    post("trace:case_move", f"{_CASE}/move/", "case", _TRACES, move="discard", **_BECAUSE),
    post("trace:case_hand_over", f"{_CASE}/hand-over/", "case", _TRACES, to="110108", **_BECAUSE),
    post("trace:case_answer", f"{_CASE}/answer/", "case", _TRACES, move="accept"),
    post("trace:isolate", f"{_CASE}/isolate/", "case", _TRACES, isolated_at="2020-06-11T08:00", **_BECAUSE),
    post("trace:interview", f"{_CASE}/interview/", "case", _TRACES, onset_date="2020-06-09", move="save"),
    post("trace:interview_line", f"{_CASE}/interview/line/", "case", _TRACES, onset_date="2020-06-09"),
    post("trace:captured", f"{_CASE}/captured/", "case", _TRACES, said="denied", place_code="110106018-M01"),
    post("trace:beside", f"{_CASE}/beside/", "case", _TRACES, person="730001"),
    Post("trace:identity", f"{_CASE}/identity/", "case", _opens_identity, {"purpose": "流调"}, opens=True),
    post("trace:contact_move", "/trace/contacts/{n}/move/", "contact", _TRACES, move="notify"),
    post("trace:contact_answer", "/trace/contacts/{n}/answer/", "contact", _TRACES, move="accept"),
    post(
        "trace:contact_judge",
        "/trace/contacts/{n}/judge/",
        "contact",
        _TRACES,
        kind="general",
        ground="household",
        **_BECAUSE,
    ),
    post(
        "trace:look_back", "/trace/investigations/{n}/look-back/", "investigation", _OPENS_TRACES, days="4", **_BECAUSE
    ),
    post(
        "trace:investigation_move",
        "/trace/investigations/{n}/move/",
        "investigation",
        _OPENS_TRACES,
        move="close",
        **_BECAUSE,
    ),
    post("warn:act", "/warn/proposals/{n}/act/", "proposal", _TRIAGES, move="watch", **_BECAUSE),
    post(
        "warn:answer",
        "/warn/proposals/answer/",
        "proposal",
        _TRIAGES,
        move="watch",
        proposal="{n}",
        current="{n}",
        **_BECAUSE,
    ),
    post("warn:publish", "/warn/events/{n}/publish/", "healthevent", _PUBLISHES, level="red", **_BECAUSE),
    post("warn:end", "/warn/events/{n}/end/", "healthevent", _PUBLISHES, **_BECAUSE),
    post("warn:delete_view", "/warn/views/{n}/delete/", "deskview", _its_owner),
    post("respond:decide", "/respond/{n}/decide/", "incident", _COMMANDS, level="II", **_BECAUSE),
    post(
        "respond:order_new",
        "/respond/{n}/orders/",
        "incident",
        _COMMANDS,
        recipient="district_team",
        place="110106",
        text="do",
        within_hours="2",
    ),
    post("respond:issue_all", "/respond/{n}/issue/", "incident", _COMMANDS),
    post("respond:incident_move", "/respond/{n}/move/", "incident", _COMMANDS, move="start_closing", **_BECAUSE),
    post("respond:order_move", "/respond/orders/{n}/move/", "order", at_its_place("respond.sign"), move="sign"),
    post("sense:settle", "/sense/quarantine/{n}/", "quarantinedrow", _SUBMITS, move="drop", **_BECAUSE),
    post("exports:approve", "/exports/approve/", "export", _as_second("export.approve"), export="{n}"),
    post(
        "emergency:review",
        "/emergency/review/",
        "opening",
        _as_second("emergency.review"),
        opening="{n}",
        justified="yes",
        finding="属实",
    ),
    post("POST /api/quarantine/{row_id}/drop", "/api/quarantine/{n}/drop", "quarantinedrow", _SUBMITS, **_BECAUSE),
    post(
        "POST /api/quarantine/{row_id}/mend",
        "/api/quarantine/{n}/mend",
        "quarantinedrow",
        _SUBMITS,
        values={"name": "x"},
    ),
    post(
        "POST /api/warn/proposals/{proposal_id}/{move}",
        "/api/warn/proposals/{n}/watch",
        "proposal",
        _TRIAGES,
        **_BECAUSE,
    ),
    post(
        "POST /api/warn/events/{event_id}/alerts",
        "/api/warn/events/{n}/alerts",
        "healthevent",
        _PUBLISHES,
        level="red",
        **_BECAUSE,
    ),
    post("POST /api/warn/events/{event_id}/end", "/api/warn/events/{n}/end", "healthevent", _PUBLISHES, **_BECAUSE),
    post(
        "POST /api/trace/investigations/{investigation_id}/look-back",
        "/api/trace/investigations/{n}/look-back",
        "investigation",
        _OPENS_TRACES,
        days=4,
        **_BECAUSE,
    ),
    post(
        "POST /api/trace/investigations/{investigation_id}/close",
        "/api/trace/investigations/{n}/close",
        "investigation",
        _OPENS_TRACES,
        **_BECAUSE,
    ),
    post(
        "POST /api/trace/cases/{case_id}/interview",
        f"{_API_CASE}/interview",
        "case",
        _TRACES,
        core={"onset_date": "2020-06-09"},
    ),
    post("POST /api/trace/cases/{case_id}/moves", f"{_API_CASE}/moves", "case", _TRACES, move="discard", **_BECAUSE),
    post(
        "POST /api/trace/cases/{case_id}/hand-over", f"{_API_CASE}/hand-over", "case", _TRACES, to="110108", **_BECAUSE
    ),
    post("POST /api/trace/cases/{case_id}/accept", f"{_API_CASE}/accept", "case", _TRACES),
    post("POST /api/trace/cases/{case_id}/decline", f"{_API_CASE}/decline", "case", _TRACES, **_BECAUSE),
    post(
        "POST /api/trace/cases/{case_id}/classification",
        f"{_API_CASE}/classification",
        "case",
        _TRACES,
        classification="suspected",
        **_BECAUSE,
    ),
    post(
        "POST /api/trace/cases/{case_id}/isolation",
        f"{_API_CASE}/isolation",
        "case",
        _TRACES,
        isolated_at="2020-06-11T08:00:00",
        **_BECAUSE,
    ),
    post(
        "POST /api/trace/contacts/{contact_id}/hand-over",
        f"{_CONTACT}/hand-over",
        "contact",
        _TRACES,
        to="110108",
        **_BECAUSE,
    ),
    post("POST /api/trace/contacts/{contact_id}/accept", f"{_CONTACT}/accept", "contact", _TRACES),
    post("POST /api/trace/contacts/{contact_id}/decline", f"{_CONTACT}/decline", "contact", _TRACES, **_BECAUSE),
    post("POST /api/trace/contacts/{contact_id}/moves", f"{_CONTACT}/moves", "contact", _TRACES, move="notify"),
    post(
        "POST /api/trace/contacts/{contact_id}/judgement",
        f"{_CONTACT}/judgement",
        "contact",
        _TRACES,
        kind="general",
        ground="household",
        **_BECAUSE,
    ),
    post(
        "POST /api/respond/incidents/{incident_id}/level",
        "/api/respond/incidents/{n}/level",
        "incident",
        _COMMANDS,
        level="II",
        **_BECAUSE,
    ),
    post(
        "POST /api/respond/incidents/{incident_id}/orders",
        "/api/respond/incidents/{n}/orders",
        "incident",
        _COMMANDS,
        recipient="district_team",
        place_code="110106",
        text="do",
        within_hours=2,
    ),
    post(
        "POST /api/respond/incidents/{incident_id}/moves",
        "/api/respond/incidents/{n}/moves",
        "incident",
        _COMMANDS,
        move="start_closing",
        **_BECAUSE,
    ),
    post("POST /api/respond/incidents/{incident_id}/issue", "/api/respond/incidents/{n}/issue", "incident", _COMMANDS),
    post(
        "POST /api/respond/orders/{order_id}/moves",
        "/api/respond/orders/{n}/moves",
        "order",
        at_its_place("respond.sign"),
        move="sign",
    ),
)
_CHECKED_BY = {
    "tests/city/sense/test_submitting.py, test_visits.py, test_pages.py": (
        "POST /api/forms/{code}/batches", "POST /api/visits", "sense:zero",
    ),
    "tests/city/sense/test_phone.py": ("sense:mend", "sense:queue"),
    "tests/city/warn/test_decisions.py": (
        "POST /api/warn/detectors/{code}/decisions", "POST /api/warn/detectors/{code}/dry-run", "warn:decide",
    ),
    "tests/city/warn/test_triage.py": ("warn:save_view", "warn:undo"),
    "tests/city/trace/test_rules.py, test_pages.py": (
        "trace:publish", "POST /api/trace/investigations/{investigation_id}/risk-points",
    ),
    "tests/server/test_administrators.py": (
        "administration:change_account", "administration:give", "administration:key", "administration:looks",
        "administration:make_account", "administration:take",
    ),
    "tests/server/test_sign_in.py": ("end_session",),
    "tests/server/test_emergency.py": ("emergency:open",),
    "tests/server/test_exports.py": ("exports:ask",),
    "tests/server/test_drill.py": ("drill:start", "drill:pace", "drill:end"),
    "tests/stories/test_first_outbreak.py; in the demo alone": ("demo:advance",),
    "tests/server/test_public.py": ("public:publish",),
    "tests/server/test_front.py; no row of anybody": ("styles",),
}  # fmt: skip
LEFT_TO_OTHERS = {name: where for where, names in _CHECKED_BY.items() for name in names}
"""Addresses that change something and are not posted to here, each with where they are proven."""
