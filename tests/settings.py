"""The house's settings in test mode, in a folder of its own."""

import atexit
import os
import shutil
import tempfile

os.environ["CITYWATCH_MODE"] = "test"
os.environ["CITYWATCH_HOME"] = tempfile.mkdtemp(prefix="citywatch-test-")
atexit.register(shutil.rmtree, os.environ["CITYWATCH_HOME"], ignore_errors=True)

from citywatch.server.settings import *

STATIC_ROOT.mkdir(parents=True)
