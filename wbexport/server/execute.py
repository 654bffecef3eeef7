"""Runs GraphQL documents against the schema, remembering those it has checked before."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLScalarType,
    MiddlewareManager,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute_sync,
    is_object_type,
    parse,
    validate,
)

try:
    from graphql.execution import Executor as ExecutionContext

    _EXECUTED_BY = "executor_class"
except ImportError:  # Its name before graphql-core 3.3.
    from graphql.execution import ExecutionContext  # type: ignore[attr-defined, no-redef]

    _EXECUTED_BY = "execution_context_class"

from wbexport.errors import WbexportError
from wbexport.server.limits import Limits, check_document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from graphql import DocumentNode, GraphQLSchema

    Resolvers = Mapping[str, Mapping[str, Callable[..., Any]]]

_log = logging.getLogger(__name__)

__all__ = ["Executor", "Leaves", "Prepared", "make_schema", "read_schema"]

_SCHEMA = Path(__file__).parent / "schema"


def read_schema() -> str:
    """Read the protocol's types, one file per resource."""
    return "\n".join(path.read_text("utf-8") for path in sorted(_SCHEMA.glob("*.graphql")))


def make_schema(text: str, resolvers: Resolvers) -> GraphQLSchema:
    """Build the schema and hang the resolvers on it; other fields read the source's key."""
    schema = build_schema(text)
    for type_name, fields in resolvers.items():
        owner = schema.type_map[type_name]
        if not is_object_type(owner):
            raise LookupError(f"{type_name} is not an object type")
        for field_name, resolver in fields.items():
            owner.fields[field_name].resolve = resolver
    wide = schema.type_map["Int64"]
    if isinstance(wide, GraphQLScalarType):
        wide.parse_value = _parse_int64  # type: ignore[method-assign]
    return schema


def _parse_int64(value: Any) -> int:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | str | float)
        or int(value) != float(value)
    ):
        raise GraphQLError(f"not a 64-bit integer: {value!r}")
    return max(-(2**63), min(int(value), 2**63 - 1))


class Leaves(list[Any]):
    """A list of strings or JSON that is answered as it is.

    Completing item by item, as GraphQL wants it, costs more than reading them.
    """


class _Execution(ExecutionContext):  # type: ignore[type-arg]
    def complete_list_value(self, *given: Any, **named: Any) -> Any:
        value = given[4]
        if type(value) is Leaves:
            return value
        return super().complete_list_value(*given, **named)


@dataclass(frozen=True)
class Prepared:
    """A document that may be executed, or the errors why not.

    Attributes:
        document: The parsed document, None when it has errors.
        errors: What is wrong with it.
        is_mutation: Whether any of its operations writes.
    """

    document: DocumentNode | None
    errors: tuple[GraphQLError, ...] = ()
    is_mutation: bool = False


class Executor:
    """Executes documents, each parsed and validated once.

    Args:
        schema: The schema with its resolvers.
        limits: Bounds on documents.
        remember: How many documents to keep.
    """

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, remember: int = 256) -> None:
        self._schema = schema
        self._limits = limits
        self._remember = remember
        self._known: OrderedDict[str, Prepared] = OrderedDict()
        self._lock = threading.Lock()

    def prepare(self, text: str) -> Prepared:
        """Parse, measure and validate a document, or recall that from before."""
        if len(text) > self._limits.query_text:
            return Prepared(None, (GraphQLError("the document is too long"),))
        with self._lock:
            if text in self._known:
                self._known.move_to_end(text)
                return self._known[text]
        prepared = self._check(text)
        with self._lock:
            self._known[text] = prepared
            if len(self._known) > self._remember:
                self._known.popitem(last=False)
        return prepared

    def execute(
        self,
        prepared: Prepared,
        variables: Mapping[str, Any] | None,
        operation: str | None,
        *,
        context: object,
        guard: MiddlewareManager | None = None,
    ) -> ExecutionResult:
        """Execute a prepared document; an empty operation name means its only operation.

        A guard stands before every resolver, and may refuse to call it.
        """
        if prepared.document is None:
            return ExecutionResult(None, list(prepared.errors))
        result = execute_sync(
            self._schema,
            prepared.document,
            variable_values=dict(variables or {}),
            operation_name=operation or None,
            context_value=context,
            middleware=guard,
            **{_EXECUTED_BY: _Execution},  # type: ignore[arg-type]
        )
        return ExecutionResult(result.data, [_masked(e) for e in result.errors or ()] or None)

    def _check(self, text: str) -> Prepared:
        try:
            document = parse(text, max_tokens=self._limits.tokens)
            check_document(document, self._limits)
        except GraphQLError as error:
            return Prepared(None, (error,))
        except RecursionError:
            return Prepared(None, (GraphQLError("the document nests too deeply"),))
        errors = validate(self._schema, document, max_errors=10)
        if errors:
            return Prepared(None, tuple(errors))
        writes = any(
            isinstance(node, OperationDefinitionNode) and node.operation is OperationType.MUTATION
            for node in document.definitions
        )
        return Prepared(document, is_mutation=writes)


def _masked(error: GraphQLError) -> GraphQLError:
    """Keep the text of our own errors; say nothing of the inside for others."""
    cause = error.original_error
    if cause is None or isinstance(cause, WbexportError | GraphQLError):
        return error
    _log.error("a resolver failed at %s", error.path, exc_info=cause)
    return GraphQLError("internal error", error.nodes, path=error.path)
