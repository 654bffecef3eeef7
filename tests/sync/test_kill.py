"""A sync that is killed at any moment loses nothing and repeats nothing."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wbexport.store.database import Store

from .truth import Truth, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    path = tmp_path_factory.mktemp("truth") / "truth.duckdb"
    with Store.open_writer(path) as store:
        project = Truth(store)
        sizes = (0, 1, 5, 30, 8, 120, 3, 9, 2, 60, 7, 7)
        project.new_many([project.rows(size, start=size) for size in sizes])
        store.publish()
        digests = digest_of(store)
    return path, digests


@contextmanager
def nursery(truth: Path, archive: Path) -> Iterator[Callable[[str], int]]:
    """Gives a function that starts a sync, ends it as told, and returns its exit code."""
    command = [sys.executable, "-m", "tests.sync.nursery", str(truth), str(archive)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        to, back = process.stdin, process.stdout

        def order(line: str) -> int:
            print(line, file=to, flush=True)
            return int(back.readline())

        yield order
        to.close()


def check_published(archive: Path) -> None:
    """Whatever is published can be opened and read to its end."""
    if archive.exists():
        with Store.open_reader(archive) as store:
            digest_of(store)


def kill_often(truth: tuple[Path, dict[str, str]], folder: Path, seed: int, kills: int) -> None:
    """Kills syncs until so many were killed; starts a new archive when one is complete."""
    dice = random.Random(seed)
    archive = folder / "wb.duckdb"
    killed = 0
    with nursery(truth[0], archive) as order:
        while killed < kills:
            if order(str(dice.random() * 1.2)) == 0:
                with Store.open_reader(archive) as store:
                    assert digest_of(store) == truth[1]
                for file in folder.glob("*wb.duckdb*"):
                    file.unlink()
            else:
                killed += 1
                check_published(archive)
        assert order("60") == 0
    with Store.open_reader(archive) as store:
        assert digest_of(store) == truth[1]


def test_killed_at_50_random_moments_a_sync_ends_as_if_undisturbed(truth, tmp_path: Path):
    kill_often(truth, tmp_path, seed=0, kills=50)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 11))
def test_killed_at_1000_random_moments_a_sync_ends_as_if_undisturbed(
    truth, tmp_path: Path, seed: int
):
    kill_often(truth, tmp_path, seed=seed, kills=100)
