"""Make contacts of people the log saw beside a case."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction

from citywatch.city.trace import queries, rules
from citywatch.city.trace.models import Case, Contact
from citywatch.city.trace.services.contacts import set_transfer_clock
from citywatch.city.trace.services.rows import worked_case
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.lifecycle.services import begin
from citywatch.mechanisms.vault.models import Person
from citywatch.mechanisms.vault.services import make_known


@transaction.atomic
def list_candidates(
    case_id: int, person_ids: Sequence[int], *, ring: int = 1, by: Viewer, at: datetime, because: str = ""
) -> list[int]:
    """List these people, captured beside a case (ring 1) or beside its close contacts (ring 2), as contacts.

    The log is asked again: a number that is not among the candidates is refused, whatever page it came from. Their
    district now has a reason to know them.
    """
    case = worked_case(case_id, by)
    found = (queries.second_ring if ring == 2 else queries.beside)(by, case, at=at)
    by_person = {one.person_id: one for one in found.rows}
    _refuse_strangers(person_ids, by_person, case)
    people = Person.objects.in_bulk(list(by_person))
    made = []
    for person_id in dict.fromkeys(person_ids):
        one = by_person[person_id]
        kind = "close" if ring == 1 else "second"
        contact = Contact(
            place=case.place,
            case=case,
            person=people[person_id],
            told=kind,
            kind=kind,
            ground=str(rules.ground(one.ground).code),
            first_at=one.first_at,
            last_at=one.last_at,
            visited=one.place,
            through=one.through,
            judged_at=at,
        )
        begin(
            contact,
            "trace.contact_listed",
            by=by,
            at=at,
            because=because,
            case=case.pk,
            person_id=person_id,
            judged=kind,
            ground=contact.ground,
            captured={"minutes": one.minutes, "dose": round(one.dose, 1), "crowd": one.crowd},
        )
        set_transfer_clock(contact, at=at)
        made.append(contact.pk)
    make_known([people[one] for one in dict.fromkeys(person_ids)], at_places=[(case.place, "responsible")])
    return made


def _refuse_strangers(person_ids: Sequence[int], known: Collection[int], case: Case) -> None:
    if not person_ids:
        raise Refusal("Nobody was chosen; tick at least one row.", zh="未选择任何人；请至少勾选一行。")
    strangers = [one for one in person_ids if one not in known]
    if strangers:
        raise Refusal(
            f"{len(strangers)} of those chosen are no longer candidates of {case.title}; reload the list.",
            zh=f"所选人员中有{len(strangers)}人已不在{case.title}的候选名单内；请刷新名单。",
        )
