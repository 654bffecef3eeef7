"""Takes in what a running client posts: history, metrics, summary, console lines, its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wbexport.errors import NotFoundError
from wbexport.server import lookup, recorder
from wbexport.server.limits import gunzip
from wbexport.server.posts import parse_post
from wbexport.server.service import ReadOnlyError

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers

    from wbexport.server.service import Service

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
    with service.store.transaction() as cur:
        found = lookup.find_run(cur, entity, project, run)
        if found is None:
            raise NotFoundError(f"run {entity}/{project}/{run} is not here; upsert it first")
        stopped = recorder.record(cur, found, post, now=service.clock())
    service.wrote(soon=post.complete)
    answer: dict[str, Any] = {"exitcode": None, "limits": {}}
    if stopped:
        answer["stopped"] = True
    return answer
