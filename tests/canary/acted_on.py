"""Who may act through each address that changes something: the declaration that every new one has to join.

It is declared with the ability that is needed at the row's place, or with the test elsewhere that proves it. Whoever
adds one and leaves it out here breaks `test_policy.py`, which says so.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.canary.oracle import Row, World, holds, opened_to, reach, sees

Allows = Callable[[World, str, Row], bool]


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
        return sees(world, who, row, held) and any(holds(held, a, row.path) for a in abilities)

    return allows


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
    """The case is seen, and its person is known where the asker may open identities, or opened to them by any case."""
    held = reach(world, who)
    if not sees(world, who, row, held):
        return False
    opened = row.person in {world.rows["case", number].person for number in opened_to(world, who)}
    known = row.person is not None and any(holds(held, "vault.open", path) for path in world.known[row.person])
    return "vault.open" in held and (known or opened)


def its_owner(_world: World, who: str, row: Row) -> bool:
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
    "trace:identity": "case sample.number contact.number investigation.number person",
    "trace:interview": "case sample.number contact.number investigation.number person.masked",
    "trace:beside": "person.number",
    "trace:open": "investigation.number",
    "exports:take": "case contact.number investigation.number person.masked",
    "POST /api/trace/investigations": "investigation.number",
}
POSTS = (
    post("exports:take", "/exports/take/", "export", its_owner, export="{n}"),
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
    post("warn:delete_view", "/warn/views/{n}/delete/", "deskview", its_owner),
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
    post("respond:sign_all", "/respond/orders/sign/", "order", at_its_place("respond.sign"), order="{n}"),
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
    "tests/city/sense/test_photos.py": ("sense:photo", "sense:photo_queue"),
    "tests/city/warn/test_decisions.py": (
        "POST /api/warn/detectors/{code}/decisions", "POST /api/warn/detectors/{code}/dry-run", "warn:decide",
    ),
    "tests/city/warn/test_triage.py": ("warn:save_view", "warn:undo"),
    "tests/city/trace/test_rules.py, test_pages.py": (
        "trace:publish", "POST /api/trace/investigations/{investigation_id}/risk-points",
    ),
    "tests/city/trace/test_home_visits.py": ("trace:visit_identity", "trace:visits_ask", "trace:visits_end"),
    "tests/server/test_administrators.py": (
        "administration:change_account", "administration:give", "administration:key", "administration:looks",
        "administration:make_account", "administration:take",
    ),
    "tests/server/test_sign_in.py": ("end_session",),
    "tests/server/test_emergency.py": ("emergency:open",),
    "tests/server/test_exports.py": ("exports:ask",),
    "tests/server/test_finding.py": ("find:ask", "find:person"),
    "tests/server/test_drill.py": ("drill:start", "drill:pace", "drill:end"),
    "tests/stories/test_first_outbreak.py; in the demo alone": ("demo:advance",),
    "tests/server/test_public.py": ("public:publish",),
    "tests/server/test_front.py; no row of anybody": ("styles",),
}  # fmt: skip
LEFT_TO_OTHERS = {name: where for where, names in _CHECKED_BY.items() for name in names}
"""Addresses that change something and are not posted to here, each with where they are proven."""
