"""Promise: complete and honest. Whatever was logged is in the archive, value for value.

The truth is plain Python (`zoo.py`). It reaches a server through the real SDK, through posted file
streams and through the store; servers with and without parquet exports are then synced from. The
digest of every archived run is the digest of its plain rows, and every reader gives those rows.
"""

from __future__ import annotations

import json
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import wbexport
from tests.promises import zoo
from tests.server.client import Raw
from wbexport.api import Api
from wbexport.arrow.convert import rows_to_long
from wbexport.arrow.digest import long_digest
from wbexport.arrow.schema import LONG
from wbexport.server.app import create_app
from wbexport.server.exports import ExportPolicy
from wbexport.server.serve import new_token
from wbexport.settings import Settings
from wbexport.store.reader import read_long
from wbexport.store.writer import write_history
from wbexport.sync.engine import sync
from wbexport.transport import wsgi_transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wbexport.server.serve import LocalServer
    from wbexport.store.database import Store

    LogRun = Callable[..., dict[str, Any]]
    Row = dict[str, Any]

POLICIES = {
    "live": ExportPolicy(enabled=False),
    "exported": ExportPolicy(rows_per_file=15),
    "with a live tail": ExportPolicy(live_rows=9, overlap_rows=3, rows_per_file=15),
}
LONG_POLICIES = [
    pytest.param(ExportPolicy(live_rows=20_000, overlap_rows=5_000), id="with a live tail"),
    pytest.param(ExportPolicy(), id="exported", marks=pytest.mark.slow),
    pytest.param(ExportPolicy(enabled=False), id="live", marks=pytest.mark.slow),
]
LONG_COUNT = 120_000
RUNS = [*zoo.PLAIN, "logged"]
OWN = {"_runtime", "_timestamp"}
PLACE = ("run_id", "_step")
#: Not in frames from the server, whose columns have the types that W&B counts: there members of
#: objects have columns of their own, and a number that is no double is an error that says so.
NOT_FLAT = {"values", "nested", "even-nested", "histograms", "logged", "wholes"}

SDK_PROGRAM = """
import wandb
from tests.promises.zoo import LOGGED
run = wandb.init(entity="team", project="zoo", id="logged", name="<b>'a' \\"b\\" é</b>",
                 config={"'; drop table runs; --": 1, "a.b": {"c": None}})
for row in LOGGED:
    run.log({key: value for key, value in row.items() if key != "_step"}, step=row["_step"])
run.finish()
"""


@pytest.fixture(scope="module")
def truth(server: LocalServer, log_run: LogRun, pytestconfig: pytest.Config) -> Store:
    """A store behind a server, filled by its clients."""
    token = new_token()
    raw = Raw(create_app(server.store, token=token, writable=True), token, "zoo")
    for run_id, rows in zoo.PLAIN.items():
        config = {key: {"value": value} for key, value in zoo.CONFIGS.get(run_id, {}).items()}
        raw.upsert(run_id, config=json.dumps(config))
        path_safe = run_id.replace(" ", "%20").replace("?", "%3F")
        log(raw, path_safe, rows, done=run_id != "running")
    raw.project = "long"
    raw.upsert("long")
    log_run(SDK_PROGRAM, PYTHONPATH=str(pytestconfig.rootpath))
    with server.store.transaction() as cursor:
        run_no = number_of(server.store, "long")
        rows = list(zoo.long_rows(LONG_COUNT))
        write_history(cursor, [(run_no, rows_to_long(rows), "append")])
    log(raw, "long", [], done=True)
    return server.store


def log(raw: Raw, run_id: str, rows: list[Row], *, done: bool) -> None:
    lines = [json.dumps(row) for row in rows]
    for offset in range(0, len(lines), 25):
        assert raw.log(run_id, lines[offset : offset + 25], offset).status_code == 200
    if done:
        assert raw.stream(run_id, complete=True, exitcode=0).status_code == 200


def number_of(store: Store, run_id: str) -> int:
    found = store.cursor().execute("select run_no from stored.runs where run_id = ?", [run_id])
    return int(found.fetchall()[0][0])


def connect(store: Store, policy: ExportPolicy) -> Api:
    token = new_token()
    settings = Settings.load(api_key=token, overrides={"base_url": "http://127.0.0.1"}, environ={})
    app = create_app(store, token=token, exports=policy)
    return Api(settings=settings, transport=wsgi_transport(app))


@pytest.fixture(scope="module", params=POLICIES)
def api(request: pytest.FixtureRequest, truth: Store) -> Api:
    return connect(truth, POLICIES[request.param])


@pytest.fixture(scope="module")
def archive(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[wbexport.Archive]:
    path = tmp_path_factory.mktemp("archive") / "wb.duckdb"
    report = sync("team/zoo", path, api=api)
    assert (report.status, report.runs) == ("ok", len(RUNS)), report
    with wbexport.open(path) as opened:
        yield opened


def truth_of(run_id: str) -> list[Row]:
    return zoo.LOGGED if run_id == "logged" else zoo.PLAIN[run_id]


def spelled(rows: Iterable[Row]) -> list[str]:
    """Rows in exact text, without the two keys that the SDK adds."""
    return [zoo.exact({key: value for key, value in row.items() if key not in OWN}) for row in rows]


def expected(run_id: str) -> list[str]:
    return [
        zoo.exact({key: zoo.as_read(value) for key, value in row.items()})
        for row in truth_of(run_id)
    ]


def digest_in(archive: wbexport.Archive, run_id: str, path: str = "team/zoo") -> tuple[int, str]:
    run = archive.run(f"{path}/{run_id}")
    query = "select run_no from stored.runs where storage_id = ?"
    cursor = archive._store.cursor()
    ((run_no,),) = cursor.execute(query, [run.storage_id]).fetchall()
    long = read_long(cursor, [run_no]).select(LONG.names)
    if run_id == "logged":
        keep = [key not in OWN for key in long.column("key").to_pylist()]
        long = long.filter(pa.array(keep))
    return long_digest(run.storage_id, "history", long), run.storage_id


def test_the_archive_holds_every_value_and_no_other(archive: wbexport.Archive) -> None:
    digests = {run_id: digest_in(archive, run_id) for run_id in RUNS}
    assert [
        run_id
        for run_id, (digest, storage_id) in digests.items()
        if digest != zoo.digest_of(storage_id, truth_of(run_id))
    ] == []
    assert {run.status for run in archive.runs("team/zoo")} == {"complete"}


def test_the_archive_gives_every_row_back(archive: wbexport.Archive) -> None:
    assert differences(archive) == {}


def test_the_client_gives_every_row_back(api: Api) -> None:
    assert differences(api) == {}


def test_an_archive_that_is_served_gives_every_row_back(archive: wbexport.Archive) -> None:
    assert differences(archive.api()) == {}


def differences(source: Api | wbexport.Archive) -> dict[str, tuple[str, str]]:
    """Per run that is not as it was logged, the first row that differs, as found and as logged."""
    wrong = {}
    for run_id in RUNS:
        found = spelled(source.run(f"team/zoo/{run_id}").scan_history())
        pairs = zip_longest(found, expected(run_id), fillvalue="no row")
        if unequal := [pair for pair in pairs if pair[0] != pair[1]]:
            wrong[run_id] = unequal[0]
    return wrong


@pytest.mark.parametrize("run_id", zoo.CONFIGS)
def test_configs_come_back_whole(api: Api, archive: wbexport.Archive, run_id: str) -> None:
    wanted = zoo.exact(zoo.CONFIGS[run_id])
    assert zoo.exact(archive.run(f"team/zoo/{run_id}").config) == wanted
    assert zoo.exact(dict(api.run(f"team/zoo/{run_id}").config)) == wanted


def test_a_frame_of_all_runs_holds_every_value(archive: wbexport.Archive) -> None:
    frame = archive.runs("team/zoo").scan_histories(format="arrow").read_all()
    assert cells_of(frame, RUNS) == cells_of_truth(RUNS)


def test_a_frame_from_the_server_holds_every_value(api: Api) -> None:
    flat = [run_id for run_id in RUNS if run_id not in NOT_FLAT]
    runs = api.runs("team/zoo", {"name": {"$in": flat}})
    frame = runs.scan_histories(format="arrow").read_all()
    assert cells_of(frame, flat) == cells_of_truth(flat)


Cells = dict[tuple[str, int], dict[str, str]]


def cells_of_truth(run_ids: list[str]) -> Cells:
    """What a wide frame has to say: a null is as good as nothing there."""
    return {
        (run_id, row["_step"]): {
            key: zoo.exact(zoo.as_read(value))
            for key, value in row.items()
            if key != "_step" and value is not None
        }
        for run_id in run_ids
        for row in truth_of(run_id)
    }


def cells_of(frame: pa.Table, run_ids: list[str]) -> Cells:
    """What a wide frame says, with JSON parsed where the truth has no plain type."""
    plain = plain_keys(run_ids)
    places = list(zip(*(frame.column(name).to_pylist() for name in PLACE), strict=True))
    found: Cells = {place: {} for place in places}
    for position, name in enumerate(frame.column_names):
        key = "run_id" if name == "run_id#3" else name  # `run_id#2` is the name of a key.
        if name in {*PLACE, *OWN}:
            continue
        for place, cell in zip(places, frame.column(position).to_pylist(), strict=True):
            value = cell if cell is None or key in plain else json.loads(cell)
            if value is not None:
                found[place][key] = zoo.exact(zoo.as_read(value))
    return found


def plain_keys(run_ids: list[str]) -> set[str]:
    """Keys whose values are all numbers, all strings or all booleans."""
    types: dict[str, set[type | None]] = {}
    for row in (row for run_id in run_ids for row in truth_of(run_id)):
        for key, value in row.items():
            if value is not None:
                types.setdefault(key, set()).add(plain_type(zoo.as_read(value)))
    return {key for key, seen in types.items() if len(seen) == 1 and None not in seen}


def plain_type(value: Any) -> type | None:
    if type(value) is int:
        return float if abs(value) < 2**53 else None
    return None if isinstance(value, dict | list) else type(value)


@pytest.mark.parametrize("policy", LONG_POLICIES)
def test_a_long_run_is_whole_to_the_last_row(
    truth: Store, policy: ExportPolicy, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("long") / "wb.duckdb"
    client = connect(truth, policy)
    assert sync("team/long", path, api=client).rows == LONG_COUNT
    with wbexport.open(path) as archive:
        digest, storage_id = digest_in(archive, "long", "team/long")
        frame = archive.scan_histories("team/long").collect()
    assert digest == zoo.digest_of(storage_id, zoo.long_rows(LONG_COUNT))
    assert frame.height == LONG_COUNT
    assert frame["seen"].sum() == 128 * LONG_COUNT * (LONG_COUNT - 1) // 2


def test_a_second_sync_finds_nothing_new(
    api: Api, archive: wbexport.Archive, tmp_path_factory: pytest.TempPathFactory
) -> None:
    again = sync("team/zoo", archive._store.path, api=api)
    assert again.actions == {"unchanged": len(RUNS)}
    assert not archive.refresh()
