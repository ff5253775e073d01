"""Installations of their own for the command, run as a stranger runs it: a process, an exit code, a few lines."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

SITE = "350206001-C01"
_SITE = """
from citywatch.city.registry.services import NewSite, add_sites
from citywatch.mechanisms.jurisdiction.models import Place
street = Place.objects.filter(kind="street", code__startswith="350206").order_by("code").first()
add_sites([NewSite("{site}", street.code, "institution", "湖里社区卫生服务中心", "Huli Community Health Centre",
                   institution_kind="chc", streams=("symptom",))])
"""


@dataclass(frozen=True)
class Ran:
    """What a command answered."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Installation:
    """A home folder and the command run in it."""

    home: Path

    def run(self, *arguments, **environment):
        given = {name: value for name, value in os.environ.items() if not name.startswith(("CITYWATCH", "DJANGO"))}
        given.pop("DATABASE_URL", None)
        given |= {"CITYWATCH_HOME": str(self.home), "CITY": "xiamen"} | environment
        command = [sys.executable, "-m", "citywatch.server.cli", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, env=given, timeout=120, check=False)
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """An installation whose tables were made and nothing else."""
    made = Installation(tmp_path_factory.mktemp("empty") / "home")
    assert made.run("manage", "migrate", "-v0").code == 0
    return made


@pytest.fixture(scope="session")
def _founded(empty, tmp_path_factory):
    made = Installation(tmp_path_factory.mktemp("founded") / "home")
    shutil.copytree(empty.home, made.home)
    told = made.run("admin", "create", "--city", "xiamen")
    assert told.code == 0, told.err
    assert made.run("manage", "shell", "-v0", "-c", _SITE.format(site=SITE)).code == 0
    (made.home / "told.txt").write_text(told.out)
    return made


@pytest.fixture
def founded(_founded, tmp_path):
    """Xiamen with its first administrator and one institution; each test spoils a copy of its own."""
    shutil.copytree(_founded.home, tmp_path / "home")
    return Installation(tmp_path / "home")
