"""The benchmark itself runs, and its three clients do the same work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SIZE = "--runs 3 --steps 40 --keys 4 --latency 0 --repeat 1 --jobs full_history one_key artifact"


def test_the_sdk_wbexport_and_the_floor_see_the_same_rows() -> None:
    command = [sys.executable, "-m", "tests.bench", *SIZE.split()]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("× faster than the SDK") == 3
    assert "did not see the same" not in done.stdout
