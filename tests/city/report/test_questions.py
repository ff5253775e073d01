"""A page of the situation asks the database the same few questions, however much has happened."""

from datetime import timedelta

import pytest
from django.urls import reverse
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("at_noon")

FLOOR = 5
"""Session, account, grants, emergency openings, signing-in: what being somebody costs on every page."""
MOST = 15


@pytest.fixture
def busy(running, happened, viewers):
    """Beside the running incident: a dozen open proposals over two districts, three verified events, more orders."""
    from citywatch.city.respond import reactions, services
    from citywatch.city.respond.models import Incident
    from citywatch.city.warn import services as warn
    from citywatch.mechanisms.journal import export
    from citywatch.mechanisms.journal.models import Entry

    for number in range(3, 7):
        street = ("110106018", "110106024", "110102009")[number % 3]
        proposal = warn.raise_red(hazard=f"02{number:02d}", sample_id=number, street_code=street, at=NOON)
        if number < 5:
            warn.verify(proposal, by=viewers["duty_officer"], at=NOON, because="复核阳性")
    for entry in Entry.objects.filter(kind="warn.event_verified"):
        reactions.propose_incident(entry)
    for incident in Incident.objects.exclude(pk=running.pk):
        services.decide_level(incident.pk, "IV", by=viewers["commander"], at=NOON, because="从严")
        services.issue_orders(incident.pk, by=viewers["commander"], at=NOON - timedelta(minutes=10))
    for number in range(50, 80):
        happened("trace.case_registered", number, place="110106", hours=-number)
    export.catch_up()
    return running


@pytest.mark.parametrize("name", ["command", "command_live", "situation", "press"])
def test_the_pages_of_the_situation_ask_at_most_fifteen_questions(busy, client_as, name, django_assert_max_num_queries):
    client = client_as("press" if name == "press" else "commander")
    client.get(reverse(f"report:{name}"))  # the first look of a sitting also writes the sitting down

    with django_assert_max_num_queries(MOST):
        assert client.get(reverse(f"report:{name}")).status_code == 200


def test_orders_and_incidents_ask_at_most_fifteen_questions(busy, client_as, django_assert_max_num_queries):
    for name in ("respond:incidents", "respond:my_orders"):
        client = client_as("commander")
        client.get(reverse(name))
        with django_assert_max_num_queries(MOST):
            assert client.get(reverse(name)).status_code == 200


def test_more_incidents_and_proposals_cost_the_wall_no_question_more(running, client_as, request, viewers):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from citywatch.mechanisms.journal import export

    def asked():
        export.catch_up()
        client = client_as("commander")
        client.get(reverse("report:command"))
        with CaptureQueriesContext(connection) as found:
            client.get(reverse("report:command"))
        return len(found)

    before = asked()
    request.getfixturevalue("busy")

    assert FLOOR < asked() <= before


def test_those_counted_under_two_kinds_of_entry_count_once_at_the_earlier(happened, city):
    from citywatch.city.report.tally import first_counted, table
    from citywatch.mechanisms.journal import export

    happened("a.seen", 1, place="110106", hours=-30)
    happened("b.seen", 1, place="110102", hours=-40)
    happened("a.seen", 2, place="110106", hours=-20)
    happened("c.gone", 2, place="110102", hours=-1)
    export.catch_up()
    from citywatch.city.report.tally import moment_of

    asked = first_counted(table("entries"), table("moment"), {"seen": (("a.seen", "b.seen"), ("c.gone",))})

    def numbers(at):
        found = export.engine().run(asked, export.store().pin(), moment=moment_of(at))
        return dict(zip(found["place"].tolist(), found["number"].tolist(), strict=True))

    from citywatch.mechanisms.jurisdiction.models import Place

    places = dict(Place.objects.values_list("code", "pk"))
    assert numbers(NOON) == {places["110102"]: 1}
    assert numbers(NOON - timedelta(hours=2)) == {places["110102"]: 1, places["110106"]: 1}
