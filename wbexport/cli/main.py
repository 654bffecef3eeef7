"""The command `wbexport`: its commands, exit codes and error text."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from wbexport.cli import demo, doctor, export, ingest, query, serve, status, sync
from wbexport.cli.options import is_verbose
from wbexport.cli.terminal import printable
from wbexport.errors import InputError, StoreBusyError, SyncError, UnsafeNameError, WbexportError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ExitCode", "app", "main", "run"]


class ExitCode(IntEnum):
    """How a command ended, for scripts."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    BUSY = 11
    INTERRUPTED = 130


# Typer may carry its own copy of click; of that copy's errors it exports this one alone.
_ClickError: type[Exception] = typer.BadParameter.__mro__[2]


class _InterruptedError(Exception):
    """Carries what an interrupted command said past typer, which would drop it."""


class _Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _InterruptedError(str(error)) from error


app = typer.Typer(
    name="wbexport",
    cls=_Commands,
    help="Export and analytics engine for Weights & Biases: complete, incremental, in one file.",
    epilog="Start with: wbexport demo. Exit codes: 0 done, 1 failed, 2 usage, 3 partial,"
    " 11 store busy, 130 interrupted.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command in (
    demo.demo,
    sync.sync,
    sync.plan,
    sync.verify,
    ingest.ingest,
    status.status,
    status.check,
    query.runs,
    query.history,
    query.sql,
):
    app.command()(_command)
app.add_typer(export.app, name="export")
app.command()(serve.serve)
app.command()(doctor.doctor)


def main() -> None:
    """Runs the command line of this process and exits."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs one command.

    Args:
        arguments: The command line after the program's name.

    Returns:
        The exit code. Every failure has become one or two lines on standard error.

    Example:
        >>> run(["runs", "--store", "missing.duckdb"])  # doctest: +SKIP
        1
    """
    try:
        code = app(list(arguments) or ["--help"], prog_name="wbexport", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except (_InterruptedError, KeyboardInterrupt) as error:
        return _interrupted(str(error), arguments)
    except _ClickError as error:
        return _misused(error)
    except Exception as error:
        return _failed(error)
    return code if isinstance(code, int) else ExitCode.DONE


def _interrupted(text: str, arguments: Sequence[str]) -> int:
    _say(text or "Interrupted.")
    if arguments and arguments[0] == "sync":
        print(f"To go on: {shlex.join(['wbexport', *arguments])}", file=sys.stderr)
    return ExitCode.INTERRUPTED


def _misused(error: Exception) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "wbexport"
    _say(getattr(error, "format_message", error.__str__)())
    print(f"Try: {command} --help", file=sys.stderr)
    return ExitCode.USAGE


def _failed(error: Exception) -> int:
    if is_verbose():
        traceback.print_exception(error)
    if isinstance(error, WbexportError):
        _say(str(error))
    elif isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        _say(f"{error.strerror or error}{where}")
    else:
        kind = type(error).__name__
        _say(f"unexpected {kind}: {error} (run again with -v for the traceback)")
    return _exit_code(error)


def _exit_code(error: Exception) -> int:
    if isinstance(error, StoreBusyError):
        return ExitCode.BUSY
    if isinstance(error, SyncError):
        return ExitCode.PARTIAL
    usage = isinstance(error, InputError) and not isinstance(error, UnsafeNameError)
    return ExitCode.USAGE if usage else ExitCode.FAILED


def _say(text: str) -> None:
    lines = [printable(line) for line in text.splitlines() if line.strip()] or ["failed"]
    print("wbexport: " + "\n".join(lines), file=sys.stderr)
