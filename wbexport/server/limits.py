"""What a request may cost, checked before it is executed."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, GraphQLError

if TYPE_CHECKING:
    from graphql import DocumentNode, SelectionSetNode

__all__ = ["Limits", "TooLargeError", "check_document", "gunzip"]


class TooLargeError(Exception):
    """A body beyond the limit of its route."""


@dataclass(frozen=True)
class Limits:
    """Bounds on one request.

    Attributes:
        graphql_body: Bytes of a GraphQL request; configs and summaries are its variables.
        stream_body: Bytes of a file stream request, also once unpacked.
        upload_body: Bytes of one uploaded file.
        manifest_body: Bytes of the manifest of an artifact version, which is read into memory.
        query_text: Characters of a GraphQL document.
        tokens: Tokens of a GraphQL document.
        depth: Nested selections, fragments included.
        aliases: Aliased fields of a document.
        repeats: Times one selection may repeat a field.
        fragments: Fragments of a document.
        operations: Operations of a document.
        page: Nodes of one page, whatever `first` says.
        seconds: Time after which no further resolver is started.
    """

    graphql_body: int = 16 << 20
    stream_body: int = 64 << 20
    upload_body: int = 64 << 30
    manifest_body: int = 512 << 20
    query_text: int = 64 << 10
    tokens: int = 10_000
    depth: int = 15
    aliases: int = 200
    repeats: int = 10
    fragments: int = 40
    operations: int = 10
    page: int = 1_000
    seconds: float = 60.0


class _Measure:
    """Depth and width of a document, each fragment measured once."""

    def __init__(self, document: DocumentNode, limits: Limits) -> None:
        self.limits = limits
        self.aliases = 0
        self.fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._depths: dict[str, int] = {}
        self._open: set[str] = set()

    def depth(self, selections: SelectionSetNode) -> int:
        """Return the depth below a selection, counting it."""
        names: Counter[str] = Counter()
        deepest = 0
        for node in selections.selections:
            if isinstance(node, FragmentSpreadNode):
                names["..." + node.name.value] += 1
                deepest = max(deepest, self._fragment_depth(node.name.value) - 1)
                continue
            if isinstance(node, FieldNode):
                names[(node.alias or node.name).value] += 1
                self.aliases += node.alias is not None
            else:
                names["..."] += 1
            inner = getattr(node, "selection_set", None)
            if inner is not None:
                deepest = max(deepest, self.depth(inner))
        if names and max(names.values()) > self.limits.repeats:
            raise GraphQLError("a selection repeats a field too often")
        if deepest + 1 > self.limits.depth:
            raise GraphQLError(f"selections nest deeper than {self.limits.depth}")
        return deepest + 1

    def _fragment_depth(self, name: str) -> int:
        if name in self._open:
            raise GraphQLError(f"fragment {name} spreads itself")
        if name not in self._depths:
            fragment = self.fragments.get(name)
            if fragment is None:
                return 1
            self._open.add(name)
            self._depths[name] = self.depth(fragment.selection_set)
            self._open.remove(name)
        return self._depths[name]


def check_document(document: DocumentNode, limits: Limits) -> None:
    """Refuse a parsed document that is too deep or too wide, before it is validated.

    Raises:
        GraphQLError: When a bound is passed or a fragment spreads itself.
    """
    measure = _Measure(document, limits)
    if len(measure.fragments) > limits.fragments:
        raise GraphQLError(f"more than {limits.fragments} fragments")
    if len(document.definitions) - len(measure.fragments) > limits.operations:
        raise GraphQLError(f"more than {limits.operations} operations")
    for definition in document.definitions:
        selections = getattr(definition, "selection_set", None)
        if selections is not None:
            measure.depth(selections)
    if measure.aliases > limits.aliases:
        raise GraphQLError(f"more than {limits.aliases} aliases")


def gunzip(data: bytes, *, limit: int) -> bytes:
    """Unpack a whole gzip body that must not grow beyond `limit` bytes.

    Raises:
        TooLargeError: When it would.
        ValueError: When the body is cut or not gzip.
    """
    unpacker = zlib.decompressobj(wbits=31)
    try:
        body = unpacker.decompress(data, limit + 1)
    except zlib.error as error:
        raise ValueError("the body is not gzip") from error
    if len(body) > limit:
        raise TooLargeError(f"the body unpacks to more than {limit} bytes")
    if not unpacker.eof:
        raise ValueError("the gzip body is cut")
    return body
