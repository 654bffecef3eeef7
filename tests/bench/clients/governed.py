"""Many threads ask a server with limits for the same small page, over and over.

The runs of the project say for how long, so that a small project is over soon.
"""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from tests.bench.names import ENTITY, PROJECT
from wbexport.settings import Settings
from wbexport.transport.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.bench.clients.seen import Seen

_BODY = {
    "query": """
query Ids($entity: String!, $name: String!) {
  project(name: $name, entityName: $entity) { runs(first: 1000) { edges { node { name } } } }
}
""",
    "variables": {"entity": ENTITY, "name": PROJECT.split("/")[1]},
}
_THREADS = 32
_SECONDS_A_RUN = 0.08
#: Of that: what each fixed load takes to settle, and is then measured for.
_SETTLE, _MEASURE = 0.25, 0.5


class Governed:
    """A session of this package, which has to find out what the server bears."""

    def __init__(self, url: str, _: Path) -> None:
        self._url = url
        self._session = Session(Settings.load(overrides={"base_url": url}))
        self.details = {"throughput": 0.0, "refused_share": 0.0}

    def governor_4(self, _: Path) -> Seen:
        runs = _runs_in(self._ask())
        seconds = runs * _SECONDS_A_RUN
        load = Load(self._try, _THREADS)
        self.details["throughput"] = load.measure(seconds, seconds, self._count_refused)
        return {"runs": runs}

    governor_8 = governor_4
    governor_32 = governor_4
    governor_20s = governor_4
    governor_100s = governor_4

    def _ask(self) -> Any:
        return self._session.post_json("/graphql", _BODY)

    def _try(self) -> bool:
        self._ask()
        return True

    def _count_refused(self) -> None:
        counted = httpx.get(f"{self._url}/__control").json()
        self.details["refused_share"] = counted["refused"] / max(1, counted["requests"])


class Fixed:
    """Bare httpx, told what the server bears: the best of a few fixed loads."""

    def __init__(self, url: str, _: Path) -> None:
        limits = httpx.Limits(max_connections=_THREADS, max_keepalive_connections=_THREADS)
        auth = ("api", os.environ["WANDB_API_KEY"])
        self._http = httpx.Client(base_url=url, auth=auth, limits=limits, timeout=120)
        self.details = {"throughput": 0.0}

    def governor_4(self, _: Path) -> Seen:
        return self._best(Load(self._try, 4), Load(self._try, 8))

    def governor_8(self, _: Path) -> Seen:
        return self._best(Load(self._try, 8), Load(self._try, 16))

    def governor_32(self, _: Path) -> Seen:
        return self._best(*(Load(self._try, threads) for threads in (8, 16, 32)))

    def governor_20s(self, _: Path) -> Seen:
        return self._best(*(Load(self._try, 8, per_second=rate) for rate in (19, 20)))

    def governor_100s(self, _: Path) -> Seen:
        return self._best(*(Load(self._try, 16, per_second=rate) for rate in (95, 100)))

    def _best(self, *loads: Load) -> Seen:
        runs = _runs_in(self._post().raise_for_status().json())
        seconds = runs * _SECONDS_A_RUN
        self.details["throughput"] = max(
            load.measure(_SETTLE * seconds, _MEASURE * seconds) for load in loads
        )
        return {"runs": runs}

    def _post(self) -> httpx.Response:
        return self._http.post("/graphql", json=_BODY)

    def _try(self) -> bool:
        answer = self._post()
        return answer.is_success and bool(answer.json())


@dataclass
class Load:
    """Threads that ask without a pause, or at a pace.

    Args:
        ask: Sends one request; tells whether it was answered.
        threads: How many do so at once.
        per_second: How many begin each second, of all threads; 0 for as many as can.
    """

    ask: Callable[[], bool]
    threads: int
    per_second: int = 0
    _next: float = 0.0
    _answered: list[float] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def measure(
        self, settle: float, seconds: float, mark: Callable[[], None] = lambda: None
    ) -> float:
        """Answers a second once the load has settled; `mark` is called then and at the end."""
        self._next = time.monotonic()
        with ThreadPoolExecutor(self.threads) as pool:
            asking = [pool.submit(self._repeat) for _ in range(self.threads)]
            time.sleep(settle)
            mark()
            start = time.monotonic()
            time.sleep(seconds)
            end = time.monotonic()
            mark()
            self._over.set()
        for thread in asking:
            thread.result()
        return sum(start <= at < end for at in self._answered) / (end - start)

    def _repeat(self) -> None:
        while not self._over.is_set():
            if self.per_second:
                self._wait_for_turn()
            if self.ask():
                self._answered.append(time.monotonic())

    def _wait_for_turn(self) -> None:
        with self._lock:
            now = time.monotonic()
            turn = max(self._next, now)
            self._next = turn + 1 / self.per_second
        time.sleep(turn - now)


def _runs_in(answer: Any) -> int:
    return len(answer["data"]["project"]["runs"]["edges"])
