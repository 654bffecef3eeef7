"""A sync that is killed at any moment loses nothing, repeats nothing and leaves no litter."""

from __future__ import annotations

import random
import subprocess
import sys
from base64 import b64encode
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from wbexport.arrow.manifests import MANIFEST, manifest_digest, write_manifest
from wbexport.store import artifacts
from wbexport.store.check import check
from wbexport.store.database import Store

from .truth import EPOCH, Truth, digest_of

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


def fill_with_artifacts(project: Truth) -> None:
    """Gives a truth two collections of versions that share some of their files."""
    runs = project.new_many([project.rows(2)] * 2)
    for name, count in (("photos", 7), ("words", 2)):
        collection = {"storage_id": name, "kind": "SEQUENCE", "type": "t", "name": name}
        collection |= {"created_at": EPOCH, "updated_at": EPOCH}
        with project.store.transaction() as cursor:
            artifacts.write_type(cursor, project.project_no, "t", storage_id="t", created_at=EPOCH)
            numbers = artifacts.write_collections(cursor, project.project_no, [collection])
            for index in range(count):
                write_version(project.store, cursor, numbers[name], f"{name}{index}", runs)


def write_version(
    store: Store, cursor: Any, collection_no: int, name: str, runs: list[str]
) -> None:
    index = int(name[-1])
    kept = [store.blobs.add(text.encode() * 500) for text in (name, f"shared {index // 3}")]
    rows = [
        {
            "path": f"deep/{place}.txt",
            "digest": b64encode(bytes.fromhex(each.md5)).decode(),
            "size": each.size,
            "blob": each.sha256,
        }
        for place, each in enumerate(kept)
    ]
    files = pa.Table.from_pylist(rows, schema=MANIFEST.append(pa.field("blob", pa.string())))
    row = {
        "storage_id": name,
        "version_index": index,
        "state": "COMMITTED",
        "digest": manifest_digest((each["path"], each["digest"]) for each in rows),
        "manifest": store.blobs.add(write_manifest(files)).sha256,
        "run_storage_id": runs[0],
        "tags": [],
        "size": sum(each.size for each in kept),
        "file_count": len(kept),
        "created_at": EPOCH,
        "updated_at": EPOCH,
    }
    number = artifacts.write_versions(cursor, collection_no, [row])[name]
    member = {"artifact_no": number, "storage_id": f"in-{name}", "version_index": index}
    member |= {"created_at": EPOCH}
    artifacts.write_members(cursor, collection_no, [member | {"aliases": ["latest"]}])
    artifacts.write_files(cursor, number, files, complete=True)
    artifacts.write_lineage(cursor, 1, number, "output")
    artifacts.write_lineage(cursor, 2, number, "input")


def artifacts_of(store: Store) -> list[tuple[Any, ...]]:
    """All that the store says of artifacts, in words instead of its own numbers."""
    assert check(store, read_data=True) == []
    cursor = store.cursor()
    return [
        *cursor.execute("select * exclude artifact_no from artifacts order by all").fetchall(),
        *cursor.execute("select * exclude artifact_no from artifact_files order by all").fetchall(),
        *cursor.execute("select artifact, run_id, direction from lineage order by all").fetchall(),
    ]


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


def kill_often_with_artifacts(folder: Path, seed: int, kills: int) -> None:
    """Kills syncs of artifacts; starts a new archive when one is complete."""
    truth, archive = folder / "truth.duckdb", folder / "archive" / "wb.duckdb"
    archive.parent.mkdir()
    with Store.open_writer(truth) as store:
        fill_with_artifacts(Truth(store))
        store.publish()
        expected = artifacts_of(store)
    dice = random.Random(seed)
    killed = 0
    with nursery(truth, archive) as order:
        while killed < kills:
            if order(str(dice.random() * 2.5)) == 0:
                with Store.open_reader(archive) as store:
                    assert artifacts_of(store) == expected
                for file in archive.parent.glob("*wb.duckdb*"):
                    file.unlink()
            else:
                killed += 1
                check_published(archive)
        assert order("60") == 0
    with Store.open_reader(archive) as store:
        assert artifacts_of(store) == expected
    assert [each.name for each in archive.parent.glob("tmp*")] == []


def test_killed_at_10_random_moments_artifacts_end_as_if_undisturbed(tmp_path: Path):
    kill_often_with_artifacts(tmp_path, seed=0, kills=10)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_killed_at_500_random_moments_artifacts_end_as_if_undisturbed(tmp_path: Path, seed: int):
    kill_often_with_artifacts(tmp_path, seed=seed, kills=100)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 11))
def test_killed_at_1000_random_moments_a_sync_ends_as_if_undisturbed(
    truth, tmp_path: Path, seed: int
):
    kill_often(truth, tmp_path, seed=seed, kills=100)
