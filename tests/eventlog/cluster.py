"""A real Spark cluster for the tests, started word for word as docs/how-to/run-on-spark.md says."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-to" / "run-on-spark.md"
WANTED = os.environ.get("CITYWATCH_TEST_SPARK") == "1"
MISSING = "Spark is asked for by CITYWATCH_TEST_SPARK=1 (make test does), after make setup-cluster and with Java"
THERE = WANTED and find_spec("pyspark") is not None and shutil.which("java") is not None


def steps():
    """The page's commands, one text a numbered step, for the environment the tests run in."""
    found = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [text.replace(".venv/bin/", f"{Path(sys.executable).parent}/") for text in found]


def master():
    """The master the page's workers join."""
    return re.search(r"spark://[\d.]+:\d+", steps()[1]).group()


@contextmanager
def started():
    """Master and workers, until the test session ends."""
    running = subprocess.Popen(
        ["bash", "-c", f"{steps()[1]}\nwait"],
        cwd=ROOT,
        env=os.environ | {"SPARK_DAEMON_MEMORY": "256m"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    host, port = master().removeprefix("spark://").split(":")
    try:
        for _ in range(120):
            with socket.socket() as knock:
                if knock.connect_ex((host, int(port))) == 0:
                    break
            time.sleep(0.5)
        yield master()
    finally:
        os.killpg(running.pid, signal.SIGTERM)
        running.wait(30)
