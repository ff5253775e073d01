"""What each address that is looked at may show: the declaration that every new page and answer has to join.

A page is declared with the kinds of rows it may tell of: a bare kind allows every depth, `kind.number` that depth
alone. Whoever adds an address and leaves it out here breaks `test_policy.py`, which says so.
"""

from dataclasses import dataclass


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


def get(name: str, path: str, doors: str, shows: str = "", kind: str = "", *queries: str) -> Get:
    return Get(name, path, frozenset(doors.split()), frozenset(shows.split()), kind, ("", *queries))


_FINDERS = "trace.view lab.view warn.view respond.view"
_FOUND = "case contact.number sample investigation healthevent incident riskpoint"
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
    get("find:home", "/find/?q={n}", _FINDERS, _FOUND, "case"),
    get("find:home", "/find/?q=K{n}", _FINDERS, _FOUND, "contact"),
    get("find:home", "/find/?q=L{n}", _FINDERS, _FOUND, "sample"),
    get("find:home", "/find/", _FINDERS, _FOUND, "", "?q=x1", "?q=x103", "?q=L10", "?q=市场"),
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
    get("sense:calendar", "/sense/calendar/", "sense.view", "", "", "?stream=fever&finding=fever", "?stream=card"),
    get("sense:photos", "/sense/photos/", "sense.view", "person.masked"),
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
    get("trace:visits", "/trace/visits/", "trace.visit", "contact.number person.masked"),
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
