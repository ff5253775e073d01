"""The verbs of tracing, by topic: investigations, cases, interviews, contacts, hand-over, line lists."""

from citywatch.city.trace.services.candidates import list_candidates
from citywatch.city.trace.services.cases import (
    CARD,
    add_case,
    await_card,
    card_came,
    classify_case,
    isolate_case,
    move_case,
)
from citywatch.city.trace.services.contacts import CONTACT_STATES, judge_contact, move_contact, move_contacts
from citywatch.city.trace.services.handovers import (
    accept_case,
    accept_contact,
    decline_case,
    decline_contact,
    hand_over_case,
    hand_over_contact,
    hand_over_contacts,
)
from citywatch.city.trace.services.interviews import answer_captured, note_reading, record_interview, remove_stay
from citywatch.city.trace.services.investigations import (
    change_look_back,
    close_investigation,
    open_investigation,
    publish_risk_point,
)
from citywatch.city.trace.services.line_lists import import_contacts, import_line_list
from citywatch.city.trace.services.rows import SOURCE_LOCK, district_of, limit_hours
from citywatch.city.trace.services.visiting import ask_visits, end_visits, open_visited

__all__ = [
    "CARD",
    "CONTACT_STATES",
    "SOURCE_LOCK",
    "accept_case",
    "accept_contact",
    "add_case",
    "answer_captured",
    "ask_visits",
    "await_card",
    "card_came",
    "change_look_back",
    "classify_case",
    "close_investigation",
    "decline_case",
    "decline_contact",
    "district_of",
    "end_visits",
    "hand_over_case",
    "hand_over_contact",
    "hand_over_contacts",
    "import_contacts",
    "import_line_list",
    "isolate_case",
    "judge_contact",
    "limit_hours",
    "list_candidates",
    "move_case",
    "move_contact",
    "move_contacts",
    "note_reading",
    "open_investigation",
    "open_visited",
    "publish_risk_point",
    "record_interview",
    "remove_stay",
]
