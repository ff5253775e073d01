"""Three administrators: one makes accounts, one gives rights, one reads the record; no two of these in one hand."""

import re
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from tests.conftest import NOON

from citywatch.city.registry import administering, reference
from citywatch.city.registry.services import grant, make_account
from citywatch.mechanisms.errors import NotAllowed, Refusal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Account, Grant, MachineKey, Place, Role
from citywatch.mechanisms.jurisdiction.services import viewer_for, viewer_for_key
from citywatch.mechanisms.jurisdiction.types import SEPARATED
from citywatch.mechanisms.vault.services import enrol, open_identities
from citywatch.mechanisms.vault.types import Identity
from citywatch.server.administration import audit
from citywatch.server.administration.words import ENTRIES
from citywatch.server.keeping import READS

TASKS = {"system": "system_admin", "security": "security_admin", "audit": "auditor"}


@pytest.fixture
def office(accounts, city, viewers, at_noon):
    """The three, each with a client and a viewer."""
    for name, role in TASKS.items():
        account = make_account(username=name, password="x", place=city, title_zh=name, title_en=name)
        grant(account, role=role, place=city, by=viewers["duty_officer"], at=NOON)
        accounts[name] = account
    return {name: viewer_for(accounts[name], at=NOON) for name in TASKS}


def of(viewer, ability, username):
    return administering.one_of(viewer, ability, username)


@pytest.mark.parametrize(("has", "wants"), [(a, b) for a in TASKS.values() for b in TASKS.values() if a != b])
def test_nobody_can_be_given_two_of_the_three_tasks(has, wants, accounts, city, viewers):
    somebody = accounts["nobody"]
    grant(somebody, role=has, place=city, by=viewers["duty_officer"], at=NOON)

    with pytest.raises(Refusal, match="两类"):
        grant(somebody, role=wants, place=city, by=viewers["duty_officer"], at=NOON)


def test_whoever_holds_two_by_an_edit_past_the_services_holds_none(accounts, city):
    for role in ("security_admin", "auditor"):
        Grant.objects.create(account=accounts["nobody"], role=Role.objects.get(code=role), place=city, granted_at=NOON)

    assert SEPARATED.isdisjoint(viewer_for(accounts["nobody"], at=NOON).reach)


def test_each_opens_their_own_page_and_neither_of_the_others(office, client_as):
    pages = {
        "system": "/administration/accounts/", "security": "/administration/rights/", "audit": "/administration/audit/",
    }  # fmt: skip
    for name, own in pages.items():
        for page in pages.values():
            assert client_as(name).get(page).status_code == (200 if page == own else 403), (name, page)
        assert client_as("duty_officer").get(own).status_code == 403


def test_a_right_given_or_taken_counts_at_once_and_is_on_record_with_what_was_before(office, accounts, client_as, city):
    press, security = client_as("press"), client_as("security")
    assert press.get("/lab/").status_code == 403

    given = {"role": "lab_reader", "place": "110000", "because": "代班一周", "until": "2020-06-18"}
    assert security.post("/administration/rights/press/give/", given).status_code == 302
    press = client_as("press")
    assert press.get("/lab/").status_code == 200
    row = Grant.objects.get(account=accounts["press"], role__code="lab_reader")
    security.post("/administration/rights/press/take/", {"grant": row.pk, "because": "已回岗"})

    assert press.get("/lab/").status_code == 302, "the session ended with the right"
    assert client_as("press").get("/lab/").status_code == 403
    granted, withdrawn = Entry.objects.filter(
        kind__in=["registry.role_granted", "registry.role_withdrawn"], subject_id=accounts["press"].pk
    ).order_by("pk")[1:]
    assert granted.body["before"] == withdrawn.body["after"] == ["press@110000"]
    assert granted.body["after"] == withdrawn.body["before"] == ["lab_reader@110000", "press@110000"]
    assert withdrawn.because == "已回岗"


def test_nobody_changes_rights_or_an_account_of_their_own(office, city):
    with pytest.raises(NotAllowed):
        administering.give_role(
            of(office["security"], "grants.manage", "security"), role="commander", place=city, until=None,
            by=office["security"], at=NOON, because="x",
        )  # fmt: skip
    with pytest.raises(NotAllowed):
        administering.new_password(
            of(office["system"], "accounts.manage", "system"), by=office["system"], at=NOON, because="x"
        )


def test_rights_are_given_for_a_reason_and_not_into_the_past(office, client_as):
    security = client_as("security")
    for wrong in ({"because": " "}, {"until": "2020-06-01"}, {"until": "soon"}, {"role": "king"}):
        given = {"role": "lab_reader", "place": "110000", "because": "x", **wrong}
        assert security.post("/administration/rights/press/give/", given).status_code == 422, wrong
    assert security.post("/administration/rights/stranger/give/", {"because": "x"}).status_code in {404, 422}


def test_an_account_is_made_able_to_do_nothing_and_its_password_is_told_once(office, client_as):
    system = client_as("system")
    given = {"username": "li.na", "place": "110106018-C01", "title_zh": "护士"}
    page = system.post("/administration/accounts/make/", given).content.decode()
    password = re.search(r'class="secret">([^<]+)<', page)[1]

    made = Account.objects.get(username="li.na")
    assert made.check_password(password)
    assert not made.grants.exists()
    assert password not in system.get("/administration/accounts/").content.decode()
    assert password not in str(list(Entry.objects.values_list("body", flat=True)))
    assert system.post("/administration/accounts/make/", given).status_code == 422


def test_an_account_that_is_closed_is_out_with_its_next_request(office, client_as):
    press = client_as("press")
    press.get("/accounts/sessions/")
    client_as("system").post("/administration/accounts/press/", {"verb": "close", "because": "离职"})

    assert press.get("/accounts/sessions/").status_code == 302
    assert Entry.objects.filter(kind="registry.account_closed", because="离职").exists()


def test_a_machine_key_reports_for_one_institution_until_it_is_rotated_or_revoked(office, client_as):
    system = client_as("system")
    issued = {"verb": "issue", "name": "HIS", "place": "110106018-H01", "ability": ["sense.submit"]}
    token = re.search(
        r'class="secret">([^<]+)<', system.post("/administration/accounts/key/", issued).content.decode()
    )[1]
    number = MachineKey.objects.get().pk
    assert viewer_for_key(token)[1].code == "110106018-H01"
    rotated = system.post("/administration/accounts/key/", {"verb": "rotate", "number": number}).content.decode()
    fresh = re.search(r'class="secret">([^<]+)<', rotated)[1]

    assert viewer_for_key(token) is None
    assert Client().get("/api/city", headers={"authorization": f"Bearer {token}"}).status_code == 401
    assert Client().get("/api/city", headers={"authorization": f"Bearer {fresh}"}).status_code == 200
    last = MachineKey.objects.get(revoked_at__isnull=True).pk
    system.post("/administration/accounts/key/", {"verb": "revoke", "number": last})
    assert Client().get("/api/city", headers={"authorization": f"Bearer {fresh}"}).status_code == 401
    for wrong in ({"place": "110106"}, {"ability": ["vault.open"]}, {"ability": []}):
        assert system.post("/administration/accounts/key/", {**issued, **wrong}).status_code == 422, wrong


def test_the_auditor_reads_who_was_shown_a_person_and_asking_is_on_record(office, client_as, viewers):
    number = "110106199001011234"
    somebody = enrol(
        Identity(name="鄢小明", id_number=number), place=Place.objects.get(code="110106"), relation="home", at=NOON
    )
    open_identities([somebody.pk], by=viewers["investigator"], purpose="核对密接", at=NOON)
    audit = client_as("audit")
    for asked in (number, str(somebody.pk)):
        page = audit.post("/administration/audit/looks/", {"person": asked}).content.decode()
        assert "核对密接" in page
        assert "investigator" in page
        assert "鄢" not in page
        assert number not in page
    absent = audit.post("/administration/audit/looks/", {"person": "11010619900101999X"})

    assert absent.status_code == 404
    assert Entry.objects.filter(kind="vault.looks_listed").count() == 2
    assert Entry.objects.filter(kind="vault.looks_sought").count() == 1
    assert client_as("investigator").post("/administration/audit/looks/", {"person": number}).status_code == 403


def test_the_auditor_finds_each_kind_of_weighty_entry(office, client_as):
    page = client_as("audit").get("/administration/audit/?group=rights").content.decode()
    assert "registry.role_granted" in page
    assert "授予角色" in page
    assert "auditor@110000" in page
    for group in ("identities", "emergencies", "exports", "signin", "nothing"):
        assert client_as("audit").get(f"/administration/audit/?group={group}").status_code == 200


def test_every_right_and_every_weighty_entry_has_words_in_both_languages():
    told = {one.code for one in reference.abilities()}
    assert {code for role in reference.roles() for code in role.abilities} <= told
    assert set(administering.OF_MACHINES) <= told

    source = Path(audit.__file__).parents[2]
    shown = tuple(prefix for _, prefix in audit.GROUPS.values())
    recorded = {
        kind
        for module in source.rglob("*.py")
        for kind in re.findall(r'record\(\s*"([a-z_.]+)"', module.read_text(encoding="utf-8"))
        if kind.startswith(shown)
    }
    assert len(recorded) > 20
    assert recorded | set(READS) <= ENTRIES.keys()


def test_what_weighs_is_confirmed_first(office, client_as, settings):
    settings.SIGN_IN_ENFORCED = True
    Role.objects.update(second_factor=False)
    for name, url in (
        ("system", "/administration/accounts/make/"),
        ("system", "/administration/accounts/press/"),
        ("system", "/administration/accounts/key/"),
        ("security", "/administration/rights/press/give/"),
        ("security", "/administration/rights/press/take/"),
        ("audit", "/administration/audit/looks/"),
    ):
        assert client_as(name).post(url, {"because": "x"})["Location"].startswith("/accounts/reauthenticate/"), url


def test_djangos_own_admin_decides_about_nobody(accounts, client_as):
    """Also an installation's former superuser sees the registry's tables there and nothing else."""
    Account.objects.filter(username="nobody").update(is_staff=True, is_superuser=True)
    client = client_as("nobody")

    assert client.get("/admin/registry/holiday/").status_code == 200
    for table in ("jurisdiction/grant", "jurisdiction/role", "jurisdiction/account", "jurisdiction/machinekey"):
        assert client.get(f"/admin/{table}/").status_code in {302, 403, 404}, table
    for table in ("mfa/authenticator", "django_q/schedule", "auth/group", "account/emailaddress"):
        assert client.get(f"/admin/{table}/").status_code in {403, 404}, table
    place = Place.objects.get(code="110102")
    changed = {"name_zh": "西城区", "name_en": "Xicheng", "valid_from": "1949-10-01", "path": "110000/110106/"}
    client.post(f"/admin/jurisdiction/place/{place.pk}/change/", changed)
    place.refresh_from_db()
    assert place.path == "110000/110102/"


def test_the_tables_of_an_existing_installation_need_no_step_but_migrate(db):
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
