"""The jobs: who does each, on which project, in which state, and what is prepared."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SDK = {"sdk": "sdk:Sdk"}
_WBEXPORT = {"wbexport": "engine:Wbexport"}
_FRAMES = {"wbexport": "engine:Frames"}
_FLOOR = {"floor": "floor:Floor"}
_ALL = _SDK | _WBEXPORT | _FLOOR

_GOVERNED = {"wbexport": "governed:Governed", "fixed": "governed:Fixed"}

_READS = {"wbexport": "reads:Wbexport", "duckdb": "reads:Duckdb", "polars": "reads:Polars"}
_THREE_KEYS = ("store_three_keys_all", "store_three_keys_any")
_SYNCED = (("engine:Wbexport", "sync"),)
#: Long enough that the client's own work is no limit.
_LATENCY_MS = 50


@dataclass(frozen=True)
class Project:
    """What is generated.

    Attributes:
        runs: Runs.
        steps: Rows of each run; 0 for headers alone.
        keys: Keys that are logged.
        keys_a_row: Keys that each row has, the next row the next ones; 0 for all.
        files: Files of the artifact `photos`, logged by the first run; 0 for no artifact.
        file_bytes: Bytes of each; 0 for 200 to 4,000.
    """

    runs: int
    steps: int
    keys: int
    keys_a_row: int = 0
    files: int = 0
    file_bytes: int = 0


@dataclass(frozen=True)
class Size:
    """How large the main project is; the others keep their proportion to it.

    Attributes:
        runs: Runs.
        steps: Rows of each run.
        keys: Keys of each row.
    """

    runs: int = 200
    steps: int = 2_000
    keys: int = 20

    def share(self, of: int) -> int:
        """What is `of` at the usual size, here by the number of values."""
        return max(3, of * self.runs * self.steps * self.keys // (200 * 2_000 * 20))


@dataclass(frozen=True)
class Job:
    """One line of the catalogue.

    Attributes:
        clients: Name in the table to its class in `tests.bench.clients`.
        project: Which project the server has.
        variant: In which state it is, and how the server answers for it.
        method: The client's method; the name of the job if empty.
        prepare: Client and method that fill the folder first, from `prepared_from`.
        prepared_from: The variant served meanwhile.
        shares_folder: Whether the job only reads the folder.
        latencies: Whether the job is measured at each latency, or at that of `limits` alone.
        warm: Whether a round that is not counted comes first, without latency.
        digest: Whether what the store then has is compared with the server's, value by value.
        limits: What the server bears, and `latency_ms` if the job has a latency of its own.
        served: Client that is served by `wbexport serve` from the prepared folder; what it
            requests is not counted.
        most: How often it is repeated at most.
    """

    clients: Mapping[str, str]
    project: str = "whole"
    variant: str = "parquet"
    method: str = ""
    prepare: tuple[tuple[str, str], ...] = ()
    prepared_from: str = "parquet"
    shares_folder: bool = False
    latencies: bool = True
    warm: bool = True
    digest: bool = False
    limits: Mapping[str, int] = field(default_factory=dict)
    served: str = ""
    most: int = 1000


def _read(project: str, *without: str) -> Job:
    """A read of what was synced."""
    clients = {name: where for name, where in _READS.items() if name not in without}
    return Job(
        clients,
        project=project,
        prepare=(*_SYNCED, ("reads:Polars", "write")),
        shares_folder=True,
        latencies=False,
    )


def _started() -> Job:
    """The start of a process."""
    clients = {"wbexport": "startup:Wbexport", "bare": "startup:Bare"}
    return Job(clients, prepare=_SYNCED, shares_folder=True, latencies=False)


def _governed(**limits: int) -> Job:
    """As many requests as a server with limits answers."""
    limits = {"latency_ms": _LATENCY_MS} | limits
    return Job(_GOVERNED, project="governed", latencies=False, warm=False, most=2, limits=limits)


def _served(method: str, *, project: str = "served", variant: str = "parquet") -> Job:
    """What the SDK does, with `wbexport serve` and with answers from memory."""
    return Job(
        {"served": "sdk:Sdk", "replayed": "sdk:Sdk"},
        project=project,
        variant=variant,
        method=method,
        prepare=_SYNCED,
        prepared_from=variant,
        latencies=False,
        served="served",
    )


def _once(project: str) -> Job:
    """A first sync of a project of its own."""
    return Job(_WBEXPORT, project=project, method="sync", latencies=False, warm=False, most=3)


def _grown_to(runs: int, size: Size) -> Project:
    return Project(max(1, runs * size.runs // 200), max(1, size.steps // 20), size.keys)


#: Name → what is generated.
PROJECTS: dict[str, Callable[[Size], Project]] = {
    "whole": lambda s: Project(s.runs, s.steps, s.keys, files=max(3, 5 * s.runs // 2)),
    "large_files": lambda s: Project(1, 1, 1, files=20, file_bytes=s.share(50_000_000)),
    "wide": lambda s: Project(max(2, s.runs // 10), s.steps // 4, s.keys * 20),
    "served": lambda s: Project(max(3, s.runs * 3 // 20), s.steps, s.keys),
    "governed": lambda s: Project(min(100, s.share(100)), 0, 0),
    "headers": lambda s: Project(s.runs * 100, 0, 0),
    **{f"scale_{runs}": partial(_grown_to, runs) for runs in (50, 200, 800, 3200)},
    "long_run": lambda s: Project(1, s.steps * 500, 4),
    "sparse_keys": lambda s: Project(s.runs, s.steps // 10, s.keys * 100, keys_a_row=s.keys * 5),
    "many_headers": lambda s: Project(s.runs * 500, 0, 0),
}

JOBS: dict[str, Job] = {
    "list_runs": Job(_ALL),
    "full_history": Job(_ALL, digest=True),
    "full_history_json": Job(_ALL, variant="json", digest=True),
    "mixed": Job(_WBEXPORT | _FLOOR, variant="mixed", digest=True),
    "running": Job(_WBEXPORT | _FLOOR, variant="running", digest=True),
    "one_key": Job(_SDK | _FRAMES | _FLOOR),
    "histories": Job(_SDK | _FRAMES | _FLOOR),
    "artifact": Job(_ALL),
    "second_sync": Job(_WBEXPORT, method="sync", prepare=_SYNCED, digest=True),
    "grown_sync": Job(
        _WBEXPORT,
        variant="grown",
        method="sync",
        prepare=_SYNCED,
        prepared_from="running",
        digest=True,
    ),
    "histories_from_store": Job(_FRAMES, prepare=_SYNCED, shares_folder=True, latencies=False),
    "large_files": Job(_ALL, project="large_files", latencies=False),
    "second_sync_headers": Job(_WBEXPORT, project="headers", method="sync", prepare=_SYNCED),
    **{name: _once(name) for name in ("scale_50", "scale_200", "scale_800", "scale_3200")},
    **{name: _once(name) for name in ("long_run", "sparse_keys", "many_headers")},
    "store_wide_run": _read("wide"),
    **{name: _read("whole") for name in ("store_one_key", *_THREE_KEYS)},
    **{name: _read("whole", "polars") for name in ("store_samples", "store_filter")},
    **{name: _started() for name in ("startup_import", "startup_help", "startup_sql")},
    "served_scan": _served("full_history"),
    "served_json": _served("full_history", variant="live"),
    "served_list": _served("list_runs", project="whole"),
    "served_histories": _served("histories", project="whole"),
    "governor_4": _governed(in_flight=4),
    "governor_8": _governed(in_flight=8),
    "governor_32": _governed(in_flight=32),
    "governor_20s": _governed(per_second=20),
    "governor_100s": _governed(per_second=100),
}
