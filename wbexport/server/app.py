"""The WSGI application: routes, permission, limits, and answers as JSON."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from wbexport.arrow.literals import parse_json
from wbexport.errors import NotFoundError, ResponseError, StoreError, WbexportError
from wbexport.server import artifact_blobs, auth, blobs, filestream, people
from wbexport.server.execute import Executor, Prepared, make_schema, read_schema
from wbexport.server.exports import ExportPolicy, Exports
from wbexport.server.guard import GUARD, require_reader, require_writer
from wbexport.server.limits import TooLargeError
from wbexport.server.resolvers import RESOLVERS
from wbexport.server.service import Context, ForbiddenError, ReadOnlyError, Service, TakenError
from wbexport.server.signing import Signer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from graphql import ExecutionResult

    from wbexport.store.accounts import User
    from wbexport.store.database import Store

__all__ = ["Application", "create_app"]

_log = logging.getLogger(__name__)

_ROUTES = Map(
    [
        Rule("/graphql", endpoint="graphql", methods=["POST"]),
        Rule(
            "/files/<entity>/<project>/<run>/file_stream",
            endpoint="file_stream",
            methods=["POST"],
        ),
        Rule("/storage/<sha256>", endpoint="storage", methods=["GET"]),
        Rule("/exports/<version>/<int:number>.parquet", endpoint="export", methods=["GET"]),
        Rule("/uploads", endpoint="upload", methods=["PUT"]),
        Rule("/uploads/artifact", endpoint="upload_artifact", methods=["PUT"]),
        Rule("/uploads/parts/<upload>/<int:number>", endpoint="upload_part", methods=["PUT"]),
        Rule("/uploads/manifest", endpoint="upload_manifest", methods=["PUT"]),
        Rule("/artifacts/<entity>/<hex_digest>", endpoint="artifact", methods=["GET"]),
        Rule(
            # The ids of the version and of the one that had the file first may both be there.
            "/artifactsV2/<region>/<entity>/<project>/<collection>/<path:ids>/<hex_digest>/<name>",
            endpoint="artifact",
            methods=["GET"],
        ),
    ],
    strict_slashes=False,
    merge_slashes=False,
)

#: Routes whose URL is its own permission.
_SIGNED = {"storage", "export", "upload", "upload_artifact", "upload_part", "upload_manifest"}

#: What answers with bytes or takes them.
_BLOBS: dict[str, Callable[..., Response]] = {
    "storage": blobs.download,
    "export": blobs.download_export,
    "upload": blobs.upload,
    "artifact": artifact_blobs.download,
    "upload_artifact": artifact_blobs.upload_file,
    "upload_part": artifact_blobs.upload_part,
    "upload_manifest": artifact_blobs.upload_manifest,
}

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "no-store",
}


class Application:
    """The W&B protocol over one store, as a WSGI callable.

    Args:
        service: The store and the rules.
        token: The key of the server's own user; others have keys in the store.
    """

    def __init__(self, service: Service, token: str) -> None:
        self.service = service
        self._token = token
        self._executor = Executor(make_schema(read_schema(), RESOLVERS), service.limits)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        response = self._answer(environ)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response(environ, start_response)

    def _answer(self, environ: WSGIEnvironment) -> Response:
        if not auth.host_allowed(environ):
            return _problem(HTTPStatus.FORBIDDEN, "this server does not answer to that host")
        request = Request(environ)
        try:
            return self._routed(request)
        except TooLargeError as error:
            return _problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error))
        except NotFoundError as error:
            return _problem(HTTPStatus.NOT_FOUND, str(error))
        except (ForbiddenError, ReadOnlyError) as error:
            return _problem(HTTPStatus.FORBIDDEN, str(error))
        except ResponseError:
            return _problem(HTTPStatus.BAD_REQUEST, "this JSON is not what the protocol wants here")
        except StoreError as error:
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        except (WbexportError, ValueError) as error:
            return _problem(HTTPStatus.BAD_REQUEST, str(error))
        except HTTPException as error:
            return _problem(error.code or 400, error.description or error.name)
        except Exception:
            _log.exception("a request failed")
            return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error")

    def _routed(self, request: Request) -> Response:
        if self.service.store.read_only:
            self.service.store.refresh()
        try:
            endpoint, values = _ROUTES.bind_to_environ(request.environ).match()
        except HTTPException as error:
            # Without a key too: by that the SDK learns where its own telemetry is not wanted.
            return _problem(error.code or 404, "this server has no such page")
        if endpoint in _SIGNED:
            method = "GET" if request.method == "HEAD" else request.method
            if not self.service.signer.allows(method, request.path, request.args.to_dict()):
                return _problem(*self._refusal(endpoint))
            return _BLOBS[endpoint](self.service, request, **values)
        caller = self._caller(request)
        if caller is None:
            return _problem(*self._refusal(endpoint))
        return self._serve(request, caller, endpoint, values)

    def _caller(self, request: Request) -> User | None:
        """Return the user whose key was sent; the server's own token costs no query."""
        key = auth.given_key(request.headers.get("Authorization"))
        if auth.same_key(key, self._token):
            return people.LOCAL
        return people.user_of_key(self.service.store.cursor(), key)

    @staticmethod
    def _refusal(endpoint: str) -> tuple[HTTPStatus, str]:
        if endpoint in _SIGNED:
            return HTTPStatus.FORBIDDEN, "this link is not signed by this server, or has expired"
        return HTTPStatus.UNAUTHORIZED, "send a key that this server knows as the API key"

    def _serve(
        self, request: Request, caller: User, endpoint: str, values: Mapping[str, Any]
    ) -> Response:
        if endpoint in _BLOBS:
            require_reader(
                self.service.store.cursor(), caller, values["entity"], values.get("project")
            )
            return _BLOBS[endpoint](self.service, request, **values)
        _require_json(request)
        if endpoint == "graphql":
            return self._graphql(request, caller)
        require_writer(self.service.store.cursor(), caller, values["entity"], values["project"])
        body = _read(request, self.service.limits.stream_body)
        return _json(filestream.receive(self.service, request.headers, body, **values))

    def _graphql(self, request: Request, caller: User) -> Response:
        body = _parse(_read(request, self.service.limits.graphql_body))
        prepared = self._executor.prepare(body["query"])
        if prepared.is_mutation:
            self.service.require_writable()
        self.service.mark_crashed()
        asked_for = request.headers.get("X-WANDB-USERNAME")
        context = Context(
            self.service,
            f"{request.scheme}://{request.host}",
            caller,
            people.author(self.service.store.cursor(), caller, asked_for),
        )
        result = self._executor.execute(
            prepared,
            body.get("variables"),
            body.get("operationName"),
            context=context,
            guard=None if caller.is_admin else GUARD,
        )
        return _json(dict(result.formatted), _status(prepared, result))


def create_app(
    store: Store,
    *,
    token: str,
    writable: bool = False,
    exports: ExportPolicy | None = None,
) -> Application:
    """Make the WSGI application over a store.

    Args:
        store: An open store; a writer's when `writable`.
        token: What clients must send as their API key.
        writable: Whether clients may write.
        exports: Which runs are offered as parquet files.

    Returns:
        A WSGI callable.

    Example:
        >>> app = create_app(store, token=token)
        >>> api = wbexport.Api(transport=wsgi_transport(app))
    """
    if len(token) < 32:
        raise ValueError("the token must have at least 32 characters")
    service = Service(
        store=store,
        signer=Signer(token),
        exports=Exports(exports or ExportPolicy()),
        writable=writable,
    )
    return Application(service, token)


def _status(prepared: Prepared, result: ExecutionResult) -> HTTPStatus:
    """Say also by status why a mutation failed: that is all some clients look at.

    Agents leave a sweep that is gone, and automations are fetched or created instead.
    """
    causes = [error.original_error for error in result.errors or ()] if prepared.is_mutation else []
    if any(isinstance(cause, NotFoundError) for cause in causes):
        return HTTPStatus.NOT_FOUND
    is_taken = any(isinstance(cause, TakenError) for cause in causes)
    return HTTPStatus.CONFLICT if is_taken else HTTPStatus.OK


def _require_json(request: Request) -> None:
    """Refuse what a form on some web page could send."""
    if request.mimetype != "application/json":
        raise ValueError("send Content-Type: application/json")


def _read(request: Request, limit: int) -> bytes:
    if request.content_length is None or request.content_length > limit:
        raise TooLargeError(f"send at most {limit} bytes, and their number ahead")
    return request.get_data(cache=False)


def _parse(body: bytes) -> dict[str, Any]:
    parsed = parse_json(body)
    if not isinstance(parsed, dict) or not isinstance(parsed.get("query"), str):
        raise ValueError("send one JSON object with a query")
    if not isinstance(parsed.get("variables"), dict | None):
        raise ValueError("variables must be an object")
    if not isinstance(parsed.get("operationName"), str | None):
        raise ValueError("operationName must be text")
    return parsed


def _json(value: object, status: int = 200) -> Response:
    try:
        body = orjson.dumps(value)
    except TypeError:
        # Integers beyond 64 bits and lone surrogates.
        body = json.dumps(value).encode()
    return Response(body, status, content_type="application/json")


def _problem(status: int, message: str) -> Response:
    """Answer an error in both forms that W&B's clients read."""
    return _json({"error": message, "errors": [{"message": message}]}, status)
