"""A new address, and a new field, must say who may see it before the build passes."""

from django.apps import apps
from django.urls import URLPattern, URLResolver, get_resolver
from tests.canary.acted_on import LEFT_TO_OTHERS, POSTS
from tests.canary.fields import CLASSES, FIELDS
from tests.canary.looked_at import ROUTES
from tests.canary.oracle import SEEN_WITH

from citywatch.mechanisms.jurisdiction.models import JurisdictionModel
from citywatch.server.api import api

OUR_APPS = [app for app in apps.get_app_configs() if app.name.startswith("citywatch.")]


def addresses(resolver=None, names=()):
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from addresses(entry, (*names, entry.namespace or entry.app_name))
        elif isinstance(entry, URLPattern) and (entry.callback.__module__ or "").startswith("citywatch."):
            yield ":".join([*filter(None, names), entry.name or ""])


def operations():
    for path, methods in api.get_openapi_schema()["paths"].items():
        yield from (f"{method.upper()} {path}" for method in methods)


def test_every_address_and_every_api_operation_is_declared():
    declared = {one.name for one in (*ROUTES, *POSTS)} | set(LEFT_TO_OTHERS)
    there = {name for name in addresses() if not name.startswith("api:")} | set(operations())

    missing, gone = there - declared, declared - there
    assert not missing, (
        "declare what these may show in tests/canary/looked_at.py, or who may act in tests/canary/acted_on.py: "
        f"{sorted(missing)}"
    )
    assert not gone, f"these are declared there and are gone: {sorted(gone)}"


def test_every_field_of_every_model_has_one_class():
    for app in OUR_APPS:
        for model in app.get_models():
            label, classes = model._meta.label, FIELDS.get(model._meta.label, {})
            assert set(classes) <= set(CLASSES)
            told = " ".join(classes.values()).split()
            assert len(told) == len(set(told)), f"{label} has a field in two classes"
            fields = {field.name for field in model._meta.concrete_fields}
            assert set(told) == fields, f"give every field of {label} a class in tests/canary/fields.py"


def test_the_oracle_and_the_models_name_the_same_ability_for_a_row():
    models = (model for app in OUR_APPS for model in app.get_models() if issubclass(model, JurisdictionModel))
    views = {model._meta.model_name: model.VIEW for model in models}

    for kind, abilities in SEEN_WITH.items():
        assert not abilities or views.get(kind, abilities[0]) in abilities, kind
