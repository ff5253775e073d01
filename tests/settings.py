"""The house's settings in test mode, in a folder of its own."""

import os
import tempfile

os.environ["CITYWATCH_MODE"] = "test"
os.environ["CITYWATCH_HOME"] = tempfile.mkdtemp(prefix="citywatch-test-")

from citywatch.server.settings import *

STATIC_ROOT.mkdir(parents=True)
