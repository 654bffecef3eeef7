"""Runs jobs: one server at a time, every client in a fresh process, the clients in turn.

Taking turns lets the noise of the machine meet all clients alike.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.catalog import JOBS, PROJECTS
from tests.bench.names import STORE, TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.catalog import Job, Project, Size

_JOB_TIMEOUT = 1800
#: Seconds after which a client does not repeat a job: W&B's SDK takes minutes for some.
_PATIENCE = 90
_NO_LIMITS = {"in_flight": 0, "per_second": 0, "retry_after": 0}

#: Client → what each of its processes measured.
Figures = dict[str, list[dict[str, Any]]]


class Server:
    """A replay server in a process of its own."""

    token = TOKEN

    def __init__(self, project: Project) -> None:
        command = [sys.executable, "-m", "tests.bench.data", json.dumps(asdict(project))]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            raise SystemExit("the benchmark server did not start")

    def control(self, **wanted: str | int) -> dict[str, int]:
        """Change what the server does; returns its counters since the last time."""
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        counters: dict[str, int] = self._get(f"/__control?{query}")
        return counters

    def digest(self) -> str:
        """Digest the histories that the server has now."""
        return str(self._get("/__digest"))

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def _get(self, target: str) -> Any:
        with urllib.request.urlopen(self.url + target, timeout=_JOB_TIMEOUT) as answer:
            return json.load(answer)


class ServedStore:
    """`wbexport serve` over the store of a folder."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "wbexport", "serve", "--quiet", "--store"]
        self._process = subprocess.Popen(
            [*command, str(folder / STORE)],
            env=_environment("", "", folder),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        # Two lines for a shell.
        lines = [shlex.split(self._process.stdout.readline()) for _ in range(2)]
        if not all(lines):
            raise SystemExit("`wbexport serve` did not start")
        self.url, self.token = (words[-1].partition("=")[2] for words in lines)

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()


def _environment(url: str, token: str, folder: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "WBEXPORT_"))}
    return kept | {
        "HOME": str(folder),
        "WANDB_API_KEY": token,
        "WANDB_BASE_URL": url,
        "WANDB_CACHE_DIR": str(folder / "cache"),
        "WANDB_DIR": str(folder),
        "WANDB_SILENT": "true",
    }


@dataclass
class Stage:
    """One project's server, and the folders that were prepared with it.

    Args:
        project: What is generated.
        root: Where folders may be made.
    """

    project: Project
    root: Path
    problems: list[str] = field(default_factory=list)
    _prepared: dict[tuple[object, ...], Path] = field(default_factory=dict)
    _warmed: set[tuple[str, str]] = field(default_factory=set)
    _stores: dict[Path, ServedStore] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._server = Server(self.project)

    def close(self) -> None:
        """End the servers."""
        for server in (self._server, *self._stores.values()):
            server.close()

    def run_job(
        self, name: str, *, latency: int, repeat: int, clients: Sequence[str] | None
    ) -> Figures:
        """Measure all clients of a job, in turn, `repeat` times."""
        job = JOBS[name]
        chosen = [client for client in job.clients if clients is None or client in clients]
        for client in chosen:
            if job.warm and (name, client) not in self._warmed:
                self._warmed.add((name, client))
                self._warm(name, client)
        figures: Figures = {client: [] for client in chosen}
        for _ in range(min(repeat, job.most)):
            for client in chosen:
                if sum(row["seconds"] for row in figures[client]) > _PATIENCE:
                    continue
                figures[client].append(self._run_in_folder(job, name, client, latency))
        seen = {json.dumps(f["seen"], sort_keys=True) for rows in figures.values() for f in rows}
        if len(seen) > 1:
            self.problems.append(f"the clients did not see the same in {name}: {sorted(seen)}")
        return figures

    def _warm(self, name: str, client: str) -> None:
        """Let the server compute its answers, and compare what then is in the store."""
        job = JOBS[name]
        options = ["--digest"] if job.digest and client == "wbexport" else []
        figures = self._run_in_folder(job, name, client, 0, *options)
        if options and figures["digest"] != self._server.digest():
            self.problems.append(f"the store has other values than the server after {name}")

    def _run_in_folder(
        self, job: Job, name: str, client: str, latency: int, *options: str
    ) -> dict[str, Any]:
        command = [job.clients[client], job.method or name]
        with tempfile.TemporaryDirectory(dir=self.root) as scratch:
            folder = Path(scratch) / "work"
            if job.prepare:
                ready = self._prepare(job)
                if job.shares_folder:
                    folder = ready
                else:
                    shutil.copytree(ready, folder)
            folder.mkdir(exist_ok=True)
            limits = {"latency_ms": latency} | _NO_LIMITS | job.limits
            self._server.control(serve=job.variant, **limits)
            server = self._serve(self._prepare(job)) if client == job.served else self._server
            figures = self._run(command, folder, *options, server=server)
        return figures

    def _serve(self, folder: Path) -> ServedStore:
        if folder not in self._stores:
            self._stores[folder] = ServedStore(folder)
        return self._stores[folder]

    def _prepare(self, job: Job) -> Path:
        wanted = (job.prepared_from, job.prepare)
        if wanted not in self._prepared:
            folder = Path(tempfile.mkdtemp(dir=self.root))
            self._server.control(serve=job.prepared_from, latency_ms=0, **_NO_LIMITS)
            for client, method in job.prepare:
                self._run([client, method], folder, server=self._server)
            self._prepared[wanted] = folder
        return self._prepared[wanted]

    def _run(
        self, command: list[str], folder: Path, *options: str, server: Server | ServedStore
    ) -> dict[str, Any]:
        """One job in a fresh process, with the server's counters beside the client's figures."""
        # A file rather than a pipe: the service of the SDK may outlive its parent.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            done = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "tests.bench.child",
                    *command,
                    server.url,
                    str(folder),
                    *options,
                ],
                env=_environment(server.url, server.token, folder),
                stdout=out,
                stderr=err,
                timeout=_JOB_TIMEOUT,
                check=False,
            )
            for file in (out, err):
                file.seek(0)
            if done.returncode:
                raise SystemExit(f"{' '.join(command)} failed:\n{err.read()[-3000:]}")
            figures: dict[str, Any] = json.loads(out.read().splitlines()[-1])
        counters = self._server.control()
        return figures | counters | {"mb": counters["sent"] / 1e6}


def run_jobs(
    names: Sequence[str],
    size: Size,
    *,
    latencies: Sequence[int],
    repeat: int,
    clients: Sequence[str] | None,
) -> Iterator[tuple[str, int, Figures, list[str]]]:
    """Yield job, latency, figures and what was wrong, one project after the other."""
    for kind in dict.fromkeys(JOBS[name].project for name in names):
        with ExitStack() as stack:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            stage = Stage(PROJECTS[kind](size), root)
            stack.callback(stage.close)
            for name in names:
                if JOBS[name].project != kind:
                    continue
                own = [JOBS[name].limits.get("latency_ms", 0)]
                for latency in latencies if JOBS[name].latencies else own:
                    figures = stage.run_job(name, latency=latency, repeat=repeat, clients=clients)
                    yield name, latency, figures, stage.problems
                    stage.problems = []
