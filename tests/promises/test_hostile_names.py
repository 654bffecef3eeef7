"""Promise: names from a server are data. They are no path, no SQL, no markup, no terminal codes.

One hostile project is synced; every name in it is a trap. Nothing may appear outside of the
folders that were named, no table may change, and no tag or control character may come out.
"""

from __future__ import annotations

import json
import os
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

import wbexport
from tests.server.client import Raw
from wbexport.api import Api
from wbexport.cli.main import run as run_command
from wbexport.cli.terminal import render_table
from wbexport.errors import UnsafeNameError, WbexportError
from wbexport.server.app import create_app
from wbexport.server.serve import new_token
from wbexport.settings import Settings
from wbexport.store.database import Store
from wbexport.sync.engine import sync
from wbexport.sync.report import SyncReport
from wbexport.transport import wsgi_transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MARKUP = "'\"><img src=x onerror=alert(1)><script>alert(1)</script>&lt;b&gt;"
SQL = "'; drop table stored.history; update stored.runs set state = 'gone'; --"
CONTROL = "\x1b[2J\x1b]0;owned\x07\r\n\x9b31m\u202etxt.exe\x00"
NAMES = [MARKUP, SQL, SQL.replace("'", '"'), CONTROL, "..", "../../up", "/tmp/x", "a\\..\\b", "C:x"]
#: Names that no file system call may see.
PATHS = [
    *("../escaped", "a/../../escaped", "/escaped", "..", ".", "a//b", "a\\..\\escaped"),
    *("C:\\escaped", "C:escaped", "\\\\host\\escaped", "nul\x00escaped", "a/./b", "a\nb", "", "a/"),
]
RUNS = [f"<b>r{MARKUP[:6]}", "r' or 1=1--", "\x1b[31mred", "..", "...."]


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """A client of a server whose project is full of traps."""
    token = new_token()
    with Store.in_memory() as store:
        app = create_app(store, token=token, writable=True)
        raw = Raw(app, token, "trap")
        for number, run_id in enumerate(["plain", *RUNS]):
            title = NAMES[number % len(NAMES)]
            config = {name: {"value": name} for name in NAMES}
            raw.upsert(
                run_id, displayName=title, config=json.dumps(config), tags=NAMES, notes=MARKUP,
                groupName=CONTROL, jobType=MARKUP, state=MARKUP if number else "finished",
            )  # fmt: skip
        rows = [
            {"_step": step, **dict.fromkeys(NAMES, step), "text": NAMES[step]} for step in (0, 1)
        ]
        body = {"files": {"wandb-summary.json": {"content": [json.dumps(rows[0])]}}}
        raw.log("plain", [json.dumps(row) for row in rows])
        raw.stream("plain", **body, complete=True, exitcode=0)
        with store.transaction() as cursor:
            blob = store.blobs.add(b"content")
            cursor.executemany(
                "insert into stored.files (run_no, name, size, uploaded, mimetype, blob) "
                "select run_no, ?, 7, true, ?, ? from stored.runs where run_id = 'plain'",
                [[name, MARKUP, blob.sha256] for name in [*PATHS, *NAMES[:4], "good/é.txt"]],
            )
        settings = Settings.load(
            api_key=token, overrides={"base_url": "http://127.0.0.1"}, environ={}
        )
        yield Api(settings=settings, transport=wsgi_transport(app))


@pytest.fixture(scope="module")
def path(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store synced from there."""
    found = tmp_path_factory.mktemp("hostile") / "inner" / "wb.duckdb"
    found.parent.mkdir()
    sync("team/trap", found, api=api, include=("history", "files", "console"))
    return found


@pytest.fixture
def archive(path: Path) -> Iterator[wbexport.Archive]:
    with wbexport.open(path) as opened:
        yield opened


def test_every_name_is_stored_as_it_is(archive: wbexport.Archive) -> None:
    assert {run.id for run in archive.runs("team/trap")} == {"plain", *RUNS}
    run = archive.run("team/trap/plain")
    assert set(run.tags) == set(NAMES)
    assert run.config == {name: name for name in NAMES}
    rows = list(run.scan_history())
    assert [row["text"] for row in rows] == NAMES[:2]
    assert set(rows[0]) == {"_step", "text", *NAMES}
    names = archive.sql("select name from files where run_id = 'plain'").fetchall()
    assert {name for (name,) in names} == {*PATHS, *NAMES[:4], "good/é.txt"}


def test_names_in_keys_and_filters_change_no_table(archive: wbexport.Archive) -> None:
    counts = "select count(*), count(distinct state) from runs"
    before = archive.sql(counts).fetchall()
    for name in NAMES:
        found = archive.scan_histories("team/trap", keys=[name], format="arrow").read_all()
        assert found.column_names == ["run_id", "_step", name]
        assert found.num_rows == 2
        assert len(archive.runs("team/trap", {f"config.{name}": name})) == len(RUNS) + 1
        assert len(archive.runs("team/trap", {"display_name": name})) <= 2
        assert archive.runs("team/trap", order=f"-config.{name}")[0]
        assert archive.sql("select count(*) from metric(?)", [name]).fetchall() == [(2,)]
    assert archive.sql(counts).fetchall() == before


def test_a_sync_writes_nothing_beside_its_store(path: Path) -> None:
    outside = [each.name for each in path.parents[1].iterdir()]
    assert outside == ["inner"]
    blobs = path.with_suffix(".blobs")
    allowed = {path.name, f".{path.name}.lock", f".{path.name}.writer", blobs.name}
    assert {each.name for each in path.parent.iterdir()} <= allowed
    kept = [each.relative_to(blobs) for each in blobs.rglob("*") if each.is_file()]
    assert kept
    assert all(len(each.name) == 64 and each.parent.name == each.name[:2] for each in kept)


@pytest.mark.parametrize("name", PATHS)
def test_a_download_never_leaves_its_folder(api: Api, name: str, tmp_path: Path) -> None:
    root = tmp_path / "outer" / "root"
    root.mkdir(parents=True)
    files = [file for file in api.run("team/trap/plain").files(per_page=100) if file.name == name]
    assert files
    with pytest.raises(UnsafeNameError):
        files[0].download(root=str(root))
    assert tree(tmp_path) == {"outer", "outer/root"}


def test_a_download_never_follows_a_link(api: Api, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "good").symlink_to(tmp_path / "elsewhere")
    file = api.run("team/trap/plain").file("good/é.txt")
    with pytest.raises(UnsafeNameError):
        file.download(root=str(tmp_path / "root"))
    assert list((tmp_path / "elsewhere").iterdir()) == []
    (tmp_path / "root" / "good").unlink()
    with file.download(root=str(tmp_path / "root")) as saved:
        assert saved.read() == "content"


def tree(root: Path) -> set[str]:
    return {os.fspath(each.relative_to(root)) for each in root.rglob("*")}


class Tags(HTMLParser):
    """Collects every tag with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[str, tuple[str, ...]]] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def tags_of(html: str) -> set[tuple[str, tuple[str, ...]]]:
    parser = Tags()
    parser.feed(html)
    parser.close()
    return parser.found


def shown(value: Any) -> list[str]:
    """Every HTML that an object has of itself; a file, say, has no page."""
    found = [getattr(value, name, None) for name in ("_repr_html_", "to_html")]
    texts = [method() for method in found if callable(method)]
    return [text for text in texts if text is not None]


#: W&B's own `to_html` is a frame; its address is of the server.
HARMLESS = {
    "thead",
    "tbody",
    "iframe",
    "a",
    "b",
    "code",
    "ul",
    "li",
    "table",
    "caption",
    "tr",
    "th",
    "td",
    "p",
    "div",
}


def test_no_name_becomes_markup(api: Api, archive: wbexport.Archive) -> None:
    report = SyncReport(
        MARKUP, MARKUP, "partial", 1, {MARKUP: 1}, failures={MARKUP: MARKUP}
    )  # fmt: skip
    server_run = api.run("team/trap/plain")
    values = [report, archive, archive.runs(), *archive.runs(), server_run, api.runs("team/trap")]
    values += [*api.runs("team/trap"), *server_run.files(), api.project("trap", "team")]
    values += [archive.sql("select * from runs"), server_run.config, server_run.summary]
    html = [text for value in values for text in shown(value)]
    assert len(html) > len(RUNS)
    for text in html:
        found = tags_of(text)
        assert {tag for tag, _ in found} <= HARMLESS, text
        assert {name for _, names in found for name in names} <= {"href", "src", "style"}, text


def test_tables_on_a_terminal_hold_no_control_characters() -> None:
    table = render_table([CONTROL], [[CONTROL], [MARKUP]])
    assert [c for c in table.replace("\n", "") if not c.isprintable()] == []


COMMANDS: dict[str, Callable[[str], list[str]]] = {
    "runs": lambda store: ["runs", "team/trap", "-s", store, "-f", "table"],
    "all columns": lambda store: [
        "runs", "-s", store, "-f", "table", "-c", "run_id,display_name,tags,notes,group_name",
    ],
    "history": lambda store: ["history", "team/trap", "-s", store, "-f", "table"],
    "sql": lambda store: ["sql", "from files", "-s", store, "-f", "table"],
    "no such run": lambda store: ["history", f"team/trap/{CONTROL}", "-s", store],
    "no such project": lambda store: ["runs", f"team/{CONTROL}", "-s", store],
    "no such key": lambda store: ["history", "team/trap", "-k", CONTROL + "x", "-s", store],
    "bad SQL": lambda store: ["sql", f"selec '{CONTROL[:-1]}'", "-s", store],
    "bad filter": lambda store: ["runs", "-s", store, "--filters", json.dumps({CONTROL: 1})],
    "no such store": lambda store: ["runs", "-s", f"{CONTROL[:-1]}.duckdb"],
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_print_no_control_characters(
    name: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_command(COMMANDS[name](str(path)))
    said = "".join(capsys.readouterr())
    assert code == (0 if name in {"runs", "all columns", "history", "sql"} else code)
    assert [c for c in said.replace("\n", "") if not c.isprintable()] == [], repr(said)
    assert "Traceback" not in said


def test_errors_for_hostile_names_are_ours(archive: wbexport.Archive, api: Api) -> None:
    for name in [*NAMES, *PATHS]:
        for source in (archive, api):
            with pytest.raises(WbexportError):
                source.run(f"team/trap/none{name}")
