"""Default is to see nothing: every model, and every address, walked by every role."""

import pytest
from django.apps import apps
from django.urls import URLPattern, URLResolver, get_resolver

from citywatch.mechanisms.jurisdiction.models import JurisdictionModel, ScopedQuerySet
from citywatch.mechanisms.jurisdiction.types import NOBODY

OUR_APPS = [app for app in apps.get_app_configs() if app.name.startswith("citywatch.")]
ROWS_OF_A_PLACE = [model for app in OUR_APPS for model in app.get_models() if issubclass(model, JurisdictionModel)]
# Rows that belong to no place, each with the reason why that is right.
WITHOUT_A_PLACE = {
    "jurisdiction.Account": "a sign-in; what it may do is in its grants",
    "jurisdiction.Place": "the tree itself, which is public geography",
    "jurisdiction.Role": "a list of abilities",
    "jurisdiction.Grant": "names the place it reaches; administrators only",
    "jurisdiction.MachineKey": "bound to a place; administrators only",
    "journal.Cursor": "a follower's progress",
    "lifecycle.CityClock": "one number",
    "vault.Person": "a pseudonym; where they are known is in KnownAt",
    "vault.SealedIdentity": "ciphertext, opened through KnownAt alone",
    "vault.Pseudonym": "codes of those who left in lists; led back by a search on record alone",
    "vault.BlindIndex": "keyed hashes, asked by services alone",
    "registry.Holiday": "the calendar",
    "signin.Attempt": "tries at the door, told by keyed hashes",
    "signin.OpenSession": "an account's own, shown to nobody else",
    "signin.UsedCode": "a number, asked by the door alone",
    "warn.Run": "a detection run over the whole city",
}
ANY_ACCOUNT = {"outline", "grid", "sessions", "end_session", "session_left"}
"""The city's outline, which every page with a map draws, and one's own sessions: any account may see them."""
PUBLIC = {"home", "health", "account_login", "account_logout", "set_language", "display", "styles"}
PUBLIC |= {"public:home", "public:file"}
"""What the press office released: files that ask nothing of the database."""


def patterns(resolver=None, names=()):
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from patterns(entry, (*names, entry.namespace or entry.app_name))
        elif isinstance(entry, URLPattern):
            yield ":".join([*filter(None, names), entry.name or ""]), entry


OURS = [
    (name, pattern)
    for name, pattern in patterns()
    if name
    and name not in PUBLIC
    and not name.startswith("api")
    and (pattern.callback.__module__ or "").startswith("citywatch.")
]


def address(pattern_name, pattern):
    """A real address of this pattern, with 1 for numbers and a plausible word for texts."""
    from django.urls import reverse

    values = {}
    for key, converter in pattern.pattern.converters.items():
        values[key] = 1 if "Int" in type(converter).__name__ else "symptom-registration"
    return reverse(pattern_name, kwargs=values)


def test_every_model_of_ours_has_a_place_or_a_reason():
    without = {
        f"{model._meta.app_label}.{model.__name__}"
        for app in OUR_APPS
        for model in app.get_models()
        if not issubclass(model, JurisdictionModel)
    }

    assert without <= set(WITHOUT_A_PLACE), without - set(WITHOUT_A_PLACE)


@pytest.mark.parametrize("model", ROWS_OF_A_PLACE, ids=lambda model: model._meta.label)
def test_a_model_shows_nothing_to_nobody_and_only_its_own_place_to_a_district(model, viewers, city):
    assert isinstance(model._default_manager.all(), ScopedQuerySet)
    assert model.VIEW
    assert not model.objects.visible_to(NOBODY).exists()
    strangers = model.objects.visible_to(viewers["investigator_xicheng"])
    assert all(row.place.path.startswith("110000/110102/") for row in strangers.select_related("place"))


@pytest.mark.parametrize(("name", "pattern"), OURS, ids=[name for name, _ in OURS])
def test_an_address_sends_strangers_to_sign_in_and_refuses_accounts_without_a_grant(name, pattern, client_as):
    url = address(name, pattern)
    for method in ("get", "post"):
        anonymous = getattr(client_as(None), method)(url)
        assert anonymous.status_code in {302, 403, 405}, (method, anonymous.status_code)
        if anonymous.status_code == 302:
            assert "/accounts/login/" in anonymous["Location"]
        if name in ANY_ACCOUNT:
            continue
        nobody = getattr(client_as("nobody"), method)(url)
        assert nobody.status_code in {403, 405}, (method, nobody.status_code)


def test_every_api_operation_asks_who_is_calling(client_as):
    paths = client_as("duty_officer").get("/api/openapi.json").json()["paths"]
    assert len(paths) > 5
    for path, operations in paths.items():
        for method in operations:
            url = path.replace("{", "").replace("}", "")
            answer = getattr(client_as(None), method)(_filled(path))
            assert answer.status_code == 401, (method, url, answer.status_code)


def _filled(path):
    import re

    return (
        re.sub(r"\{[^}]*id[^}]*\}", "1", re.sub(r"\{(code|form)[^}]*\}", "symptom-registration", path))
        .replace("{", "")
        .replace("}", "")
    )
