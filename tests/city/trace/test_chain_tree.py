"""Who infected whom, told or guessed, and drawn side by side."""

from datetime import date, timedelta

import numpy as np
from tests.city.trace.conftest import ONSET, moment
from tests.city.trace.test_tracing import told
from tests.conftest import NOON

from citywatch.city.trace import queries, services
from citywatch.city.trace.models import Case, Link
from citywatch.city.trace.queries import chains
from citywatch.city.trace.types import ContactTold, StayTold
from citywatch.mechanisms.vault.types import Identity

HALL = "110106018-M01-1"


def tree(viewers, number):
    return {node.title: node for node in queries.dossier(viewers["investigator"], number, at=NOON).chains.nodes}


def test_a_named_contact_is_the_likelier_infector_and_the_alternatives_say_how_much_speaks_for_them(
    case, event, viewers
):
    by = viewers["investigator"]
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    first, rival, later = (
        case(name, onset=day) for name, day in (("甲", ONSET), ("乙", ONSET), ("丙", ONSET + timedelta(days=5)))
    )
    met = moment(9)
    # 丙 is the very person 甲 named: same name and phone as when enrolled.
    phone = f"199{abs(hash('丙')) % 10**8:08d}"
    told(first, by, contacts=[ContactTold(Identity(name="丙", phone=phone), "close", "same_room", met, met)])
    nodes = tree(viewers, number)
    third = nodes[f"C{later:04d}"]

    assert third.infector.case_id == first
    assert third.infector.support > 0.8
    assert {one.case_id for one in third.others} <= {rival, None}
    assert nodes[f"C{first:04d}"].infected == 1
    assert not queries.dossier(by, number, at=NOON).chains.told


def test_a_place_shared_while_infectious_counts_half_and_one_shared_before_not_at_all(case, event, viewers):
    by = viewers["investigator"]
    services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    one, other = case("甲", onset=ONSET), case("乙", onset=ONSET + timedelta(days=3))
    for number, onset in ((one, ONSET), (other, ONSET + timedelta(days=3))):
        told(number, by, stays=[StayTold(HALL, moment(3), moment(3, 10))], core=_core(onset))
    rows = list(Case.objects.order_by("pk"))
    assert chains._met(rows) == ()

    for number, onset in ((one, ONSET), (other, ONSET + timedelta(days=3))):
        told(number, by, stays=[StayTold(HALL, moment(7), moment(7, 10))], core=_core(onset))
    assert chains._met(list(Case.objects.select_related("investigation").order_by("pk"))) == ((0, 1, 0.5),)


def _core(onset):
    from citywatch.city.trace.types import CoreTold

    return CoreTold(onset_date=onset)


def test_what_was_told_is_not_guessed_over(case, event, viewers):
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    a, b = (Case.objects.get(pk=case(name)) for name in "甲乙")
    Link.objects.create(place=a.place, infector=b, infectee=a)
    nodes = tree(viewers, number)

    assert nodes[a.title].infector.case_id == b.pk
    assert nodes[b.title].infector is None


def test_cases_of_other_districts_stand_in_the_tree_but_cannot_be_opened(case, event, viewers):
    number = services.open_investigation(event, by=viewers["duty_officer"], at=NOON, because="")
    ours, theirs = case("甲"), case("乙", district="110102")
    nodes = tree(viewers, number)

    assert nodes[f"C{ours:04d}"].opens
    assert not nodes[f"C{theirs:04d}"].opens


def test_branches_lie_side_by_side_with_each_parent_amid_its_children():
    heights = chains._heights([1, 2, 3, 4, 5], {1: None, 2: 1, 3: 1, 4: 3, 5: 3})

    assert heights == {2: 0.0, 4: 1.0, 5: 2.0, 3: 1.5, 1: 0.75}


def test_a_circle_of_links_is_drawn_all_the_same():
    assert set(chains._heights([1, 2], {1: 2, 2: 1})) == {1, 2}


def test_five_hundred_cases_are_guessed_and_drawn_and_the_later_ones_counted(monkeypatch):
    from types import SimpleNamespace

    rng = np.random.default_rng(3)
    day = date(2020, 6, 1)
    cases = [
        SimpleNamespace(pk=i, title=f"C{i}", onset_date=day + timedelta(days=int(rng.integers(0, 40))), sampled_on=None)
        for i in range(1, 521)
    ]
    monkeypatch.setattr(chains, "_met", lambda *_: ())
    found = chains.chain_tree(cases, [], seen=())

    assert (len(found.nodes), found.left_out) == (500, 20)
    assert len({node.height for node in found.nodes if not node.infected}) == sum(
        not node.infected for node in found.nodes
    )
    assert all(node.infector is not None for node in found.nodes)
