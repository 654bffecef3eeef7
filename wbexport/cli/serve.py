"""`wbexport serve`: the W&B protocol over a store, for the real SDK and for wbexport itself."""

from __future__ import annotations

import gc
import os
import shlex
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from wbexport.cli.options import Json, Quiet, StoreOption, Verbose
from wbexport.cli.output import note, write_json

__all__ = ["serve"]


def serve(
    *,
    store: StoreOption = Path("wb.duckdb"),
    writable: Annotated[bool, typer.Option("--writable", help="Let clients log runs.")] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 0,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Speak the W&B protocol over a store, until ^C.

    Listens on this machine only. Prints the two lines that point the wandb SDK, or wbexport, at
    it. The token is kept in a file beside the store that only you can read.

    Example: wbexport serve --store wb.duckdb --port 8090
    """
    from wbexport.server.serve import LocalServer

    stopped = _stop_on_signal()
    path = store.expanduser().absolute()
    with LocalServer(path, writable=writable, port=port, token=_read_or_make_token(path)) as server:
        if as_json:
            write_json({"url": server.url, "api_key": server.token, "pid": os.getpid()})
        else:
            print(f"export WANDB_BASE_URL={shlex.quote(server.url)}")
            print(f"export WANDB_API_KEY={shlex.quote(server.token)}", flush=True)
        # The schema stays: to look through it for garbage takes longer than to answer.
        gc.freeze()
        if not quiet:
            note(f"serving {path}{'' if writable else ', read-only'}; stop with ^C")
        stopped.wait()
        gc.unfreeze()


def _read_or_make_token(store: Path) -> str:
    """The token of a store: clients keep working when the server is started again."""
    from wbexport.server.serve import new_token

    path = store.with_name(f".{store.name}.token")
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        path.chmod(0o600)
        return path.read_text(encoding="ascii").strip()
    token = new_token()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(token + "\n")
    return token


def _stop_on_signal() -> threading.Event:
    """Listens for ^C and a service manager's wish to stop; both are a server's normal end."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    return stopped
