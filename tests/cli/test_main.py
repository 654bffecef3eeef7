from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from wbexport import errors
from wbexport.cli import main
from wbexport.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = [
    ("demo",),
    ("sync",),
    ("plan",),
    ("verify",),
    ("status",),
    ("check",),
    ("runs",),
    ("history",),
    ("sql",),
    ("export", "parquet"),
    ("export", "csv"),
    ("serve",),
    ("doctor",),
]


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Puts a command in the place of all others that does nothing but fail."""

    def app(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(main, "app", app)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"Example: wbexport {' '.join(command)}" in text
    assert "--json" in text
    assert "--quiet" in text
    assert "--verbose" in text


def test_no_option_takes_a_key_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        run([*command, "--help"])
        assert "--api-key " not in capsys.readouterr().out


def test_the_summaries_of_commands_are_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert "..." not in capsys.readouterr().out.split("Commands:")[1]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.QueryError("unknown operator $gte2; did you mean $gte?"), 2),
        (errors.SettingsError("no API key"), 2),
        (errors.PathError("no project in 'a'"), 2),
        (errors.UnsafeNameError("../../etc/passwd leaves its folder"), 1),
        (errors.AuthError("the key is refused"), 1),
        (errors.NotFoundError("no project a/b"), 1),
        (errors.StoreBusyError("wb.duckdb is written by process 7"), 11),
        (errors.SyncError("2 of 9 runs are not complete"), 3),
        (KeyError("x"), 1),
        (OSError(28, "No space left on device", "wb.duckdb"), 1),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(monkeypatch, error)
    assert run(["sync"]) == code
    said = capsys.readouterr().err
    assert said.startswith("wbexport: ")
    assert said.count("\n") == 1
    assert str(error.args[-1]) in said


def test_an_error_cannot_write_escape_sequences(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(monkeypatch, errors.NotFoundError("no run \x1b]0;owned\x07"))
    run(["runs"])
    assert "\x1b" not in capsys.readouterr().err


def test_an_interrupted_sync_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(monkeypatch, KeyboardInterrupt())
    assert run(["sync", "team/my project"]) == 130
    assert "wbexport sync 'team/my project'" in capsys.readouterr().err


def test_wrong_usage_names_the_option_and_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sync", "a/b", "--jobz", "3"]) == 2
    said = capsys.readouterr().err
    assert "--jobz" in said
    assert "wbexport sync --help" in said


def test_a_missing_store_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--store", str(tmp_path / "none.duckdb")]) == 1
    assert "none.duckdb" in capsys.readouterr().err


def test_a_traceback_appears_only_when_asked_for(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wbexport", "status", "--store", str(tmp_path)]
    plain = subprocess.run(command, capture_output=True, text=True, check=False)
    verbose = subprocess.run([*command, "-v"], capture_output=True, text=True, check=False)
    assert plain.returncode == verbose.returncode == 1
    assert "Traceback" not in plain.stderr
    assert "Traceback" in verbose.stderr


def test_help_is_shown_at_once() -> None:
    best = min(_seconds([sys.executable, "-m", "wbexport", "--help"]) for _ in range(3))
    bare = min(_seconds([sys.executable, "-c", "import typer"]) for _ in range(3))
    # Three tenths of a second on an idle machine, mostly Python and typer; loose for busy ones.
    assert best < 0.3 + 3 * bare


def test_help_loads_no_heavy_library() -> None:
    script = (
        "import sys; from wbexport.cli.main import run; run(['--help']);"
        "heavy = {'duckdb', 'polars', 'pyarrow', 'httpx', 'pandas', 'numpy', 'pydantic'};"
        "print(heavy & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr == "set()\n"


def test_a_closed_pipe_ends_a_command_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "wbexport", "--help"], stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    assert done.returncode == 1
    assert done.stderr == b""


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - started
