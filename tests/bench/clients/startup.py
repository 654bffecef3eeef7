"""Starting up: whole processes, beside an empty Python program."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.bench.clients.engine import store_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.clients.seen import Seen


class Bare:
    """`python -c pass`."""

    calls = 5

    def __init__(self, _: str, folder: Path) -> None:
        self._folder = folder

    def startup_import(self, _: Path) -> Seen:
        return self._run("-c", "pass")

    startup_help = startup_import
    startup_sql = startup_import

    def _run(self, *arguments: str) -> Seen:
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        return {}


class Wbexport(Bare):
    """The package and its command line."""

    def startup_import(self, _: Path) -> Seen:
        return self._run("-c", "import wbexport")

    def startup_help(self, _: Path) -> Seen:
        return self._run("-m", "wbexport", "--help")

    def startup_sql(self, folder: Path) -> Seen:
        store = str(store_in(folder))
        return self._run("-m", "wbexport", "sql", "select 1", "--store", store)
