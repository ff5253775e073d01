"""The pages of tracing ask the database the same few questions, however many people an outbreak has."""

import pytest
from tests.city.trace.conftest import moment
from tests.city.trace.test_tracing import contact as met
from tests.city.trace.test_tracing import told
from tests.conftest import NOON

from citywatch.city.trace import services
from citywatch.city.trace.models import Case, Investigation
from citywatch.city.trace.types import StayTold

HALL = "110106018-M01-1"
MOST = 15


@pytest.fixture
def outbreak(case, event, viewers, at_noon):
    """Five interviewed cases of Fengtai and one of Xicheng in one investigation, each with contacts, and a point."""
    numbers = [case(name) for name in ("张三丰", "王五", "李四", "赵六", "孙七")]
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    for pk in numbers:
        hours = [StayTold(HALL, moment(3), moment(3, 10)), StayTold("110106018-R01", moment(4), moment(4, 12))]
        told(pk, viewers["investigator"], stays=hours, contacts=[met(moment(8))])
    return Investigation.objects.get(pk=number), Case.objects.get(pk=numbers[0])


def asked(client, address):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(address)  # the first look of a sitting also writes the sitting down, and the log what is new
    with CaptureQueriesContext(connection) as found:
        assert client.get(address).status_code == 200
    return sum(not one["sql"].startswith(("SAVEPOINT", "RELEASE")) for one in found)


@pytest.mark.parametrize(
    "address", ["/trace/", "/trace/contacts/", "/trace/contacts/?state=released", "/trace/risk-points/"]
)
@pytest.mark.parametrize("role", ["investigator", "duty_officer"])
def test_the_lists_ask_at_most_fifteen_questions(outbreak, client_as, role, address):
    assert asked(client_as(role), address) <= MOST


@pytest.mark.parametrize("role", ["investigator", "duty_officer"])
def test_an_investigation_asks_at_most_fifteen_questions(outbreak, client_as, role):
    row, _ = outbreak
    assert asked(client_as(role), f"/trace/investigations/{row.pk}/") <= MOST


def test_a_case_asks_at_most_fifteen_and_the_journal_of_its_reading_is_among_them(outbreak, client_as):
    _, case = outbreak
    assert asked(client_as("investigator"), f"/trace/cases/{case.pk}/") <= MOST


def test_a_case_more_costs_an_investigation_no_question_more(outbreak, client_as, case, viewers):
    row, _ = outbreak
    client = client_as("investigator")
    before = asked(client, f"/trace/investigations/{row.pk}/")
    for name in ("周八", "吴九", "郑十"):
        one = case(name)
        told(one, viewers["investigator"], stays=[StayTold(HALL, moment(3), moment(3, 10))], contacts=[met(moment(8))])

    assert row.cases.count() > 5
    assert asked(client, f"/trace/investigations/{row.pk}/") <= before
