"""Where the reference data beside the checkout lie, if they are there."""

from pathlib import Path

import pytest

_beside = Path(__file__).resolve().parents[2] / "shared"

SHARED: Path | None = _beside if _beside.is_dir() else None

needs_shared = pytest.mark.skipif(SHARED is None, reason="needs ../shared beside the checkout")
