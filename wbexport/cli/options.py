"""Options that several commands share, so that they read and behave alike."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from wbexport.cli.output import Format

__all__ = [
    "ApiKeyFile",
    "BaseUrl",
    "Filters",
    "FormatOption",
    "Json",
    "Limit",
    "Order",
    "ProjectArgument",
    "Quiet",
    "StoreOption",
    "Verbose",
    "is_verbose",
]

_LOGGER = logging.getLogger("wbexport")


def is_verbose() -> bool:
    """Tells whether this process was asked, with -v, for details such as tracebacks."""
    return _LOGGER.isEnabledFor(logging.INFO)


def _set_verbosity(count: int) -> int:
    if count:
        logging.basicConfig(format="%(name)s: %(message)s")
        _LOGGER.setLevel(logging.DEBUG if count > 1 else logging.INFO)
    return count


ProjectArgument = Annotated[str, typer.Argument(metavar="ENTITY/PROJECT", show_default=False)]
StoreOption = Annotated[
    Path, typer.Option("--store", "-s", metavar="FILE", help="The store, one DuckDB file.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print results only, no progress.")]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        show_default=False,
        callback=_set_verbosity,
        help="Log what happens; show tracebacks. Twice for more.",
    ),
]
FormatOption = Annotated[
    Format | None,
    typer.Option("--format", "-f", help="Default: a table on a terminal, CSV in a pipe."),
]
Filters = Annotated[
    str | None,
    typer.Option("--filters", metavar="JSON", help="As for wandb.Api: '{\"config.lr\": 0.1}'."),
]
Order = Annotated[
    str | None,
    typer.Option("--order", metavar="ORDER", help="As for wandb.Api: -summary_metrics.acc."),
]
Limit = Annotated[int | None, typer.Option("--limit", "-n", min=0, help="At most so many rows.")]
ApiKeyFile = Annotated[
    str | None,
    typer.Option("--api-key-file", metavar="PATH|-", help="File with the API key; - reads stdin."),
]
BaseUrl = Annotated[
    str | None, typer.Option("--base-url", metavar="URL", help="The W&B server to talk to.")
]
