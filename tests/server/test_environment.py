"""The installation is configured by variables, and says which one makes no sense."""

import pytest

from citywatch.server import environment


def test_a_variable_given_empty_is_one_not_given(monkeypatch):
    for name in ("HOST", "PORT", "CITY", "DATABASE_URL", "DEMO_PUBLIC", "CITYWATCH_HOME"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("CITYWATCH_MODE", "demo")

    found = environment.read()

    assert (found.host, found.port, found.city, found.demo_public) == ("127.0.0.1", 8000, "beijing", False)
    assert found.home.parts[-2:] == ("var", "beijing")


@pytest.mark.parametrize(("name", "value"), [("CITYWATCH_MODE", "party"), ("PORT", "http")])
def test_a_variable_that_makes_no_sense_is_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(ValueError, match=name):
        environment.read()


def test_city_time_moves_in_the_demo_and_never_in_production(monkeypatch):
    monkeypatch.setenv("CITYWATCH_MODE", "demo")
    assert environment.read().moves_clock
    monkeypatch.setenv("CITYWATCH_MODE", "production")
    assert not environment.read().moves_clock
