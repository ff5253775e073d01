"""Whoever reads `science` learns where each method comes from and sees it run."""

import inspect
import pkgutil
from importlib import import_module

import pytest

from citywatch import science

# The insides of methods that several share: explained where they stand; source and example are the method's.
INSIDES = {"background", "baselines", "bounds", "outbreak_odds", "quasipoisson"}
MODULES = [import_module(found.name) for found in pkgutil.walk_packages(science.__path__, f"{science.__name__}.")]
PUBLIC = [
    function
    for module in MODULES
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__ and not name.startswith("_")
]


def test_the_walk_finds_the_methods():
    assert {"ears_c1", "rank_exposures", "rank_places", "fuse_signals"} <= {function.__name__ for function in PUBLIC}


@pytest.mark.parametrize("function", PUBLIC, ids=lambda function: function.__name__)
def test_every_method_names_its_source_and_shows_an_example_that_runs(function):
    told = inspect.getdoc(function) or ""
    assert told
    if function.__module__.rpartition(".")[2] not in INSIDES:
        assert "Source: " in told
        assert ">>> " in told
