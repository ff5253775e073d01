"""Pages of tracing: investigations and their dossiers, cases and interviews, contacts, risk points."""

from citywatch.city.trace.views.cases import (
    beside,
    case,
    case_answer,
    case_hand_over,
    case_move,
    classify,
    identity,
    isolate,
)
from citywatch.city.trace.views.contacts import contact_answer, contact_judge, contact_move, contacts, contacts_move
from citywatch.city.trace.views.interviews import captured, interview, interview_line, places
from citywatch.city.trace.views.investigations import (
    investigation,
    investigation_move,
    investigations,
    look_back,
    open_investigation,
    publish,
    risk_points,
    status,
)
from citywatch.city.trace.views.visiting import visit_identity, visits, visits_ask, visits_end

__all__ = [
    "beside",
    "captured",
    "case",
    "case_answer",
    "case_hand_over",
    "case_move",
    "classify",
    "contact_answer",
    "contact_judge",
    "contact_move",
    "contacts",
    "contacts_move",
    "identity",
    "interview",
    "interview_line",
    "investigation",
    "investigation_move",
    "investigations",
    "isolate",
    "look_back",
    "open_investigation",
    "places",
    "publish",
    "risk_points",
    "status",
    "visit_identity",
    "visits",
    "visits_ask",
    "visits_end",
]
