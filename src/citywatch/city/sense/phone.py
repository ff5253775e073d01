"""What a phone page is told besides its questions: which answers come first, words its scripts say, what is carried on.

The sitting remembers what is the same from report to report and belongs to no person; where somebody was sent after a
visit is asked anew each time, because an answer carried on by mistake would send the next one there.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from django.http import HttpRequest
from django.utils.translation import gettext

from citywatch.city.registry.queries import districts
from citywatch.city.sense import envelopes
from citywatch.city.sense.definitions.regions import PROVINCES
from citywatch.mechanisms.forms.types import Form
from citywatch.mechanisms.jurisdiction.types import Viewer

CARRIED_ON = frozenset({"visit_type", "drug_class", "drug_name", "for_whom", "doctor", "reporting_phone"})
USUAL = {
    "visit_type": "first",
    "age_unit": "Y",
    "disposition": "home",
    "quantity": "1",
    "for_whom": "self",
    "card_type": "1",
    "status": "new",
    "patient_belongs": "1",
}
"""What a page says before anybody answers."""
DAYS_OF_TODAY = frozenset({"onset_date", "filled_on", "day"})
_ASKED_FIRST = frozenset({"id_number", "temperature", "needs"})
_FROM_A_LIST = frozenset({"contact"})
_NEVER_APART = frozenset({"age_unit"})
_IN_SESSION = "sense.carried_on"

Field = TypeVar("Field", bound=tuple[Any, ...])


def carried_on(request: HttpRequest, asked: Form) -> dict[str, str]:
    """What this sitting said last on this form, as far as it concerns no person."""
    said: Mapping[str, Mapping[str, str]] = request.session.get(_IN_SESSION, {})
    return {name: text for name, text in said.get(asked.code, {}).items() if name in asked.by_name}


def from_a_list(request: HttpRequest, asked: Form) -> dict[str, str]:
    """What the list says that somebody came from: the number of whom they report about, and never who that is."""
    return {name: text for name in _FROM_A_LIST & asked.by_name.keys() if (text := request.GET.get(name, "")[:40])}


def carry_on(request: HttpRequest, asked: Form, values: Mapping[str, str]) -> None:
    """Remember for the next report of this sitting; signing out forgets it."""
    kept = {name: text for name, text in values.items() if name in CARRIED_ON}
    request.session[_IN_SESSION] = {**request.session.get(_IN_SESSION, {}), asked.code: kept}


def in_order(asked: Form, fields: Iterable[Field]) -> tuple[list[Field], list[Field], list[Field]]:
    """What must be answered, what comes answered and is only looked at, and what may be left out."""
    answered = {asked.occurred, *DAYS_OF_TODAY, *USUAL} - _NEVER_APART
    answered |= {"card_no", "doctor"}
    first: list[Field] = []
    usual: list[Field] = []
    rest: list[Field] = []
    for field in fields:
        question = field[0]
        needed = question.required or question.name in _ASKED_FIRST or question.name in _NEVER_APART
        (usual if question.name in answered else first if needed else rest).append(field)
    return first, usual, rest


def takes_photos(asked: Form) -> bool:
    """Whether a photo may be kept with this form's reports: only with those that name somebody, under whose key."""
    return "name" in asked.by_name and asked.by_name["name"].required


def usual_answers(asked: Form) -> dict[str, Any]:
    """What a page needs to begin the next report by itself, while the line is down."""
    return {
        "answers": {name: text for name, text in USUAL.items() if name in asked.by_name},
        "carried": sorted(CARRIED_ON & asked.by_name.keys()),
        "days": sorted(DAYS_OF_TODAY & asked.by_name.keys()),
        "moment": asked.occurred,
    }


def waiting_parts(viewer: Viewer) -> dict[str, Any]:
    """What a page needs to show and send the reports that wait on this phone."""
    return {"words": words(), "owner": envelopes.owner_of(viewer), "public_key": envelopes.public_key(viewer)}


def regions() -> dict[str, str]:
    """Where an ID number was issued, by its first two digits; for this city by its first six."""
    own = {place.code: f"{PROVINCES[place.code[:2]]} {place.name}" for place in districts()}
    return {code: str(name) for code, name in PROVINCES.items()} | own


def words() -> dict[str, str]:
    """What the scripts of the phone pages say."""
    return {
        "male": gettext("Male"),
        "female": gettext("Female"),
        "years": gettext("{n} years old"),
        "months": gettext("{n} months old"),
        "days": gettext("{n} days old"),
        "issued": gettext("number issued in {place}"),
        "wrongDigit": gettext("One of the 18 characters is wrong: the last one does not fit the others. Look again."),
        "wrongDate": gettext("Characters 7 to 14 are the birth date, and this is none. Look again."),
        "tooLong": gettext("A resident ID has 18 characters; these are more."),
        "scan": gettext("Scan"),
        "nothingRead": gettext("No code could be read; hold the phone closer, or type it."),
        "needed": gettext("This answer is needed."),
        "kept": gettext(
            "The line is down. The report is kept on this phone, sealed, and is sent when the line is back."
        ),
        "keptSignIn": gettext("The report is kept on this phone, sealed. Sign in again to send it."),
        "waiting": gettext("Waiting: {n}"),
        "sent": gettext("Sent: {n}"),
        "refused": gettext("Refused: {n}"),
        "mend": gettext("Mend it"),
        "remove": gettext("Remove from this phone"),
        "removeSure": gettext("Remove this report from the phone? It was never sent."),
        "photo": gettext("Photo"),
        "photoTooMany": gettext("A report keeps {n} photos at most."),
        "photoUnread": gettext("This picture could not be read; take it again."),
        "photoOff": gettext("Leave out"),
        "signIn": gettext("Sign in again to send what waits."),
    }
