"""What was logged is read back whole, in every way the server offers it."""

from __future__ import annotations

import io
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.server.client import Raw, application, spelled
from wbexport.api.client import Api
from wbexport.server.app import create_app
from wbexport.server.exports import ExportPolicy, Exports
from wbexport.server.serve import new_token
from wbexport.settings import Settings
from wbexport.store.writer import ProjectRow, upsert_project, upsert_runs
from wbexport.transport import wsgi_transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wbexport.store.database import Store

POLICIES = {
    "live only": ExportPolicy(enabled=False),
    "all exported": ExportPolicy(),
    "several files": ExportPolicy(rows_per_file=7),
    "a live tail": ExportPolicy(live_rows=5),
    "an overlap": ExportPolicy(live_rows=8, overlap_rows=3, rows_per_file=10),
    "nothing exported": ExportPolicy(live_rows=1000),
}

CREATE_FILES = """mutation ($p: String!, $names: [String!]!) { createRunFiles(input: {
    entityName: "team", projectName: $p, runName: "r", files: $names
}) { runID files { name uploadUrl } } }"""

SPARSE = [
    {"_step": step * 3, "loss": 1 / (step + 1)}
    | ({"val/acc": step / 8, "note": f"n{step}"} if step % 4 == 0 else {})
    | ({"flag": step % 2 == 0, "big": 2**53 - 1, "odd": float("nan")} if step > 20 else {})
    | {"box": {"x": step, "y": step + 0.5}}
    for step in range(30)
]


@pytest.fixture(scope="module")
def shared() -> Iterator[Raw]:
    with application() as client:
        yield client


@pytest.fixture
def raw(shared: Raw) -> Iterator[Raw]:
    yield shared.elsewhere()
    shared.app.service.exports = Exports(ExportPolicy())


def connect(raw: Raw) -> Api:
    token = raw.token
    settings = Settings.load(api_key=token, overrides={"base_url": "http://127.0.0.1"}, environ={})
    return Api(settings=settings, transport=wsgi_transport(raw.app))


def log(raw: Raw, run: str, rows: list[dict[str, Any]], **body: Any) -> None:
    raw.upsert(run)
    raw.log(run, [json.dumps(row) for row in rows], **{"complete": True, "exitcode": 0} | body)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_scan_gives_each_row_once_however_it_is_served(raw: Raw, policy: str) -> None:
    raw.app.service.exports = Exports(POLICIES[policy])
    log(raw, "r", SPARSE)
    rows = connect(raw).run(f"team/{raw.project}/r").scan_history()
    assert [spelled(row) for row in rows] == [spelled(row) for row in SPARSE]


@pytest.mark.parametrize("policy", POLICIES)
def test_exported_and_live_rows_together_are_all_rows(raw: Raw, policy: str) -> None:
    raw.app.service.exports = Exports(POLICIES[policy])
    log(raw, "r", SPARSE)
    found = raw.run("r", 'parquetHistory(liveKeys: ["_step"]) { parquetUrls liveData }')
    tables = [
        pq.read_table(io.BytesIO(raw.follow("GET", url).data))
        for url in found["parquetHistory"]["parquetUrls"]
    ]
    exported = [step for table in tables for step in table["_step"].to_pylist()]
    live = [row["_step"] for row in found["parquetHistory"]["liveData"]]
    assert exported == sorted(set(exported))
    assert sorted({*exported, *live}) == [row["_step"] for row in SPARSE]
    assert len(exported) + len(live) - 30 == (3 if policy == "an overlap" else 0)


@pytest.mark.parametrize(
    "rows",
    [
        [{"a": None}],
        [{"a": 1}, {"a": "x"}],
        [{"a": {"x": 1}}, {"a": {"y": 1}}],
        [{"a": {}}],
        [{"a": [1, "x"]}],
        [{"a": 2**70 + 1}],
        [{"a": "\ud800"}],
    ],
)
def test_rows_that_parquet_cannot_tell_exactly_are_only_live(
    raw: Raw, rows: list[dict[str, Any]]
) -> None:
    rows = [{"_step": step} | row for step, row in enumerate(rows)]
    log(raw, "r", rows)
    found = raw.run("r", 'parquetHistory(liveKeys: ["_step"]) { parquetUrls liveData }')
    assert found["parquetHistory"] == {
        "parquetUrls": [],
        "liveData": [{"_step": row["_step"]} for row in rows],
    }
    assert spelled(raw.rows("r")) == spelled(rows)


@pytest.mark.parametrize("writable", [False, True])
def test_what_another_server_said_of_a_run_is_left_as_it_was(store: Store, writable: bool) -> None:
    then = datetime(2020, 1, 2, 3, 4, 5)
    times = {name: [then] for name in ("created_at", "heartbeat_at", "updated_at")}
    run = {"storage_id": ["s"], "run_id": ["r"], "state": ["running"], "status": ["complete"]}
    with store.transaction() as cur:
        number = upsert_project(cur, ProjectRow("https://elsewhere", "p", "team", "demo"))
        upsert_runs(cur, number, pa.table(run | times))
    token = new_token()
    client = Raw(create_app(store, token=token, writable=writable), token)
    assert client.run("r", "state createdAt heartbeatAt updatedAt") == {
        "state": "running"
    } | dict.fromkeys(("createdAt", "heartbeatAt", "updatedAt"), "2020-01-02T03:04:05Z")
    found = client.data('{ organization(name: "o") { name } entity(name: "team") { name } }')
    assert found == {"organization": None, "entity": {"name": "team"}}


def test_clients_that_know_no_parquet_page_through_an_exported_run(raw: Raw) -> None:
    log(raw, "r", [{"_step": step, "loss": step} for step in range(25)])
    pages = [(0, 10), (10, 20), (20, 25)]
    whole = [raw.rows("r", f"minStep: {a}, maxStep: {b}, samples: 10") for a, b in pages]
    specs = [{"keys": ["loss"], "minStep": a, "maxStep": b, "samples": 10} for a, b in pages]
    texts = json.dumps([json.dumps(spec) for spec in specs])
    keyed = raw.run("r", f"sampledHistory(specs: {texts})")["sampledHistory"]
    assert [row["loss"] for page in whole for row in page] == list(range(25))
    assert [row["loss"] for page in keyed for row in page] == list(range(25))


def test_a_running_run_is_live(raw: Raw) -> None:
    log(raw, "r", SPARSE, complete=False)
    found = raw.run("r", 'parquetHistory(liveKeys: ["_step"]) { parquetUrls }')
    assert found["parquetHistory"]["parquetUrls"] == []


def test_parquet_is_served_in_ranges_and_to_heads(raw: Raw) -> None:
    log(raw, "r", SPARSE)
    found = raw.run("r", 'parquetHistory(liveKeys: ["_step"]) { parquetUrls }')
    (url,) = found["parquetHistory"]["parquetUrls"]
    whole = raw.follow("GET", url).data
    part = raw.follow("GET", url, headers={"Range": "bytes=4-13"})
    assert (part.status_code, part.data) == (206, whole[4:14])
    assert part.headers["Content-Range"] == f"bytes 4-13/{len(whole)}"
    end = raw.follow("GET", url, headers={"Range": "bytes=-8"})
    assert (end.status_code, end.data) == (206, whole[-8:])
    beyond = raw.follow("GET", url, headers={"Range": f"bytes={len(whole)}-"})
    assert beyond.status_code == 416
    assert raw.follow("HEAD", url).headers["Content-Length"] == str(len(whole))


def test_a_link_outlives_the_memory_of_an_export(raw: Raw) -> None:
    raw.app.service.exports = Exports(ExportPolicy(), keep=1)
    field = 'parquetHistory(liveKeys: ["_step"]) { parquetUrls }'
    urls = []
    for name in ("r", "s"):
        log(raw, name, SPARSE)
        urls += raw.run(name, field)["parquetHistory"]["parquetUrls"]
    bodies = [raw.follow("GET", url).data for url in [*urls, *urls]]
    assert bodies[:2] == bodies[2:]
    assert [pq.read_table(io.BytesIO(body)).num_rows for body in bodies[:2]] == [30, 30]


def test_a_link_to_an_older_state_of_a_run_is_gone(raw: Raw) -> None:
    log(raw, "r", SPARSE)
    found = raw.run("r", 'parquetHistory(liveKeys: ["_step"]) { parquetUrls }')
    log(raw, "r", [{"_step": 500}], offset=30)
    (url,) = found["parquetHistory"]["parquetUrls"]
    assert raw.follow("GET", url).status_code == 404


def test_pages_of_steps_are_cut_by_rows(raw: Raw) -> None:
    log(raw, "r", SPARSE, complete=False)
    steps = [row["_step"] for row in raw.rows("r", "minStep: 9, maxStep: 30, samples: 100")]
    assert steps == [9, 12, 15, 18, 21, 24, 27]
    cut = [row["_step"] for row in raw.rows("r", "minStep: 9, maxStep: 30, samples: 3")]
    assert cut == [9, 18, 27]


def test_sampled_rows_hold_every_key_or_are_left_out(raw: Raw) -> None:
    log(raw, "r", SPARSE)
    spec = json.dumps(json.dumps({"keys": ["_step", "val/acc", "loss"], "samples": 4}))
    (rows,) = raw.run("r", f"sampledHistory(specs: [{spec}])")["sampledHistory"]
    assert [list(row) for row in rows] == [["_step", "val/acc", "loss"]] * 4
    assert (rows[0]["_step"], rows[-1]["_step"]) == (0, 84)


@pytest.mark.parametrize(
    "spec",
    ["", "[]", "{", '{"keys": "a"}', '{"keys": [1]}', '{"samples": "5"}', '{"minStep": 1.5}'],
)
def test_a_bad_sampling_spec_is_an_error(raw: Raw, spec: str) -> None:
    log(raw, "r", SPARSE)
    text = """query ($spec: JSONString!, $p: String) { project(name: $p, entityName: "team") {
        run(name: "r") { sampledHistory(specs: [$spec]) } } }"""
    answer = raw.graphql(text, spec=spec, p=raw.project)
    assert "spec" in answer["errors"][0]["message"]


def test_runs_come_in_pages_each_once(raw: Raw) -> None:
    for number in range(7):
        raw.upsert(f"r{number}", config=json.dumps({"n": {"value": number % 3}}))
    seen: list[str] = []
    after = None
    while True:
        runs = raw.in_project(
            f'runs(first: 3, after: {json.dumps(after)}, order: "-config.n.value")'
            " { edges { node { name } } pageInfo { endCursor hasNextPage } }"
        )["runs"]
        seen += [edge["node"]["name"] for edge in runs["edges"]]
        after = runs["pageInfo"]["endCursor"]
        if not runs["pageInfo"]["hasNextPage"]:
            break
    assert sorted(seen) == [f"r{number}" for number in range(7)]
    assert {seen[0], seen[1]} == {"r2", "r5"}


def test_fragments_that_spread_each_other_many_times_are_read_once(raw: Raw) -> None:
    raw.upsert("r", config='{"lr": {"value": 1}}')
    links = [f"fragment F{n} on Run {{ {f'...F{n + 1} ' * 10} }}" for n in range(30)]
    text = f"""{{ project(name: "{raw.project}", entityName: "team") {{
        runs {{ edges {{ node {{ ...F0 }} }} }} }} }}
        {" ".join(links)} fragment F30 on Run {{ config }}"""
    (edge,) = raw.data(text)["project"]["runs"]["edges"]
    assert json.loads(edge["node"]["config"])["lr"]["value"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('filters: "{"', "JSON"),
        ('filters: "{\\"$where\\": 1}"', "where"),
        ('filters: "{\\"summary.x\\": 1}"', "summary_metrics.x"),
        ('order: "+nonsense"', "nonsense"),
        ('after: "nonsense"', "cursor"),
        ('after: "YXQ6LTE"', "cursor"),
    ],
)
def test_a_listing_that_cannot_be_meant_is_an_error(raw: Raw, arguments: str, message: str) -> None:
    raw.upsert("r")
    runs = f"runs({arguments}) {{ edges {{ cursor }} }}"
    text = f'{{ project(name: "{raw.project}", entityName: "team") {{ {runs} }} }}'
    assert message in raw.graphql(text)["errors"][0]["message"]


def test_files_are_uploaded_listed_and_deleted_without_a_token_in_sight(raw: Raw) -> None:
    raw.upsert("r")
    names = ["a.txt", "media/b c.json", "c%d.json", "é.txt"]
    created = raw.data(CREATE_FILES, p=raw.project, names=names)["createRunFiles"]["files"]
    assert [file["name"] for file in created] == names
    for file in created:
        assert raw.follow("PUT", file["uploadUrl"], data=file["name"].encode()).status_code == 200
    fields = "edges { node { id name sizeBytes md5 directUrl } }"
    found = raw.run(
        "r", f'fileCount all: files {{ {fields} }} json: files(pattern: "%.json") {{ {fields} }}'
    )
    assert found["fileCount"] == 4
    assert {edge["node"]["name"] for edge in found["json"]["edges"]} == {names[1], names[2]}
    for edge in found["all"]["edges"]:
        body = raw.follow("GET", edge["node"]["directUrl"])
        assert body.data.decode() == edge["node"]["name"]
        assert body.headers["Content-Disposition"] == "attachment"
    ids = [edge["node"]["id"] for edge in found["all"]["edges"]][:3]
    raw.data("mutation ($f: [ID!]!) { deleteFiles(input: {files: $f}) { success } }", f=ids)
    assert raw.run("r", "fileCount")["fileCount"] == 1


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../../b", "a\\b", "C:x", "", ".", "a\0b"]
)
def test_a_file_name_that_would_leave_its_folder_is_refused(raw: Raw, name: str) -> None:
    raw.upsert("r")
    answer = raw.graphql(CREATE_FILES, p=raw.project, names=[name])
    assert "file name" in answer["errors"][0]["message"]


def test_projects_are_created_once_and_listed(raw: Raw) -> None:
    text = """mutation ($p: String) { upsertModel(input: {name: $p, entityName: "team",
        description: "d"}) { inserted project { name entityName description readOnly } } }"""
    first, second = (raw.data(text, p=raw.project)["upsertModel"] for _ in range(2))
    assert (first["inserted"], second["inserted"]) == (True, False)
    assert first["project"] == {
        "name": raw.project, "entityName": "team", "description": "d", "readOnly": False,
    }  # fmt: skip
    listed = raw.data('{ models(entityName: "team", first: 1000) { edges { node { name } } } }')
    assert raw.project in [edge["node"]["name"] for edge in listed["models"]["edges"]]


def test_a_run_that_is_not_there_is_null(raw: Raw) -> None:
    raw.upsert("r")
    assert raw.in_project(
        'run(name: "other") { id } bucket(name: "other", missingOk: true) { id }'
    ) == {
        "run": None,
        "bucket": None,
    }
    assert raw.data('{ project(name: "nowhere", entityName: "team") { id } }') == {"project": None}
