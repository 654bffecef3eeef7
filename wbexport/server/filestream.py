"""Takes in what a running client posts: history, metrics, summary, console lines, its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wbexport.errors import NotFoundError
from wbexport.server import lookup, recorder
from wbexport.server.limits import gunzip
from wbexport.server.posts import Seen, parse_post
from wbexport.server.service import ReadOnlyError

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers

    from wbexport.server.service import Node, Service

__all__ = ["receive"]


def receive(
    service: Service,
    headers: Headers,
    body: bytes,
    *,
    entity: str,
    project: str,
    run: str,
) -> dict[str, Any]:
    """Store one file stream request in one transaction.

    Args:
        service: The server.
        headers: Headers of the request.
        body: Its body, packed or not.
        entity: Entity of the run.
        project: Project of the run.
        run: Id of the run.

    Returns:
        The answer; `stopped` tells the client to end.

    Raises:
        ReadOnlyError: When the server does not write.
        NotFoundError: When there is no such run.
    """
    if not service.writable:
        raise ReadOnlyError("this server only reads; start it as writable to log to it")
    if headers.get("Content-Encoding", "").lower() == "gzip":
        body = gunzip(body, limit=service.limits.stream_body)
    post = parse_post(body, shared=bool(headers.get("X-WANDB-USE-ASYNC-FILESTREAM")))
    process = headers.get("X-WANDB-ASYNC-CLIENT-ID") or headers.get("X-WANDB-CLIENT-ID") or ""
    with service.store.transaction() as cur:
        found = lookup.find_run(cur, entity, project, run)
        if found is None:
            raise NotFoundError(f"run {entity}/{project}/{run} is not here; upsert it first")
        seen = service.processes.get((found["storage_id"], process), Seen())
        new = seen.fresh(post, _counts(found)) if post.shared else post
        stopped = recorder.record(cur, found, new, now=service.clock())
    if post.shared:
        service.processes[found["storage_id"], process] = seen.after(post)
    service.wrote(soon=post.complete)
    answer: dict[str, Any] = {"exitcode": None, "limits": {}}
    if stopped:
        answer["stopped"] = True
    return answer


def _counts(run: Node) -> Seen:
    return Seen(
        history=run["history_line_count"] or 0,
        events=run["events_line_count"] or 0,
        console=run["log_line_count"] or 0,
    )
