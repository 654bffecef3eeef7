"""Lazy listings: a list of objects that grows page by page as it is looked at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, overload

from wbexport.errors import InputError
from wbexport.graphql.connection import iter_pages
from wbexport.graphql.documents import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wbexport.api.service import Service

__all__ = ["Collection", "QueryText", "SizedCollection"]

_T = TypeVar("_T")


class QueryText:
    """A class variable holding the text of one of our documents, read when it is looked at.

    Args:
        operation: Name of the document.
    """

    def __init__(self, operation: str) -> None:
        self._operation = operation

    def __get__(self, instance: object, owner: type) -> str:
        return load(self._operation).text


class Collection(ABC, Generic[_T]):
    """A lazy listing. Every loop over it starts at the beginning and shares the loaded pages.

    Args:
        client: Executes the query.
        variables: Its variables, without those of the page.
        per_page: Objects per request; None for 50.
        start: The `cursor` of another listing, to go on from there.

    Raises:
        InputError: `per_page` is not a whole number above 0.
    """

    QUERY: ClassVar[str | QueryText]
    _PAGE_VARIABLES: ClassVar[tuple[str, str]] = ("perPage", "cursor")

    def __init__(
        self,
        client: Service,
        variables: Mapping[str, Any],
        per_page: int | None = 50,
        *,
        start: str | None = None,
    ) -> None:
        per_page = 50 if per_page is None else per_page
        if isinstance(per_page, bool) or not isinstance(per_page, int) or per_page < 1:
            raise InputError(f"per_page must be a whole number above 0, not {per_page!r}.")
        self.client = client
        self.variables = dict(variables)
        self.per_page = per_page
        self.objects: list[_T] = []
        self._pages: Iterator[Mapping[str, Any]] | None = None
        self._page: Mapping[str, Any] | None = None
        self._position = 0
        self._start = start

    @abstractmethod
    def _connection(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Find the connection in an answer."""

    @abstractmethod
    def _convert(self, nodes: list[Mapping[str, Any]]) -> list[_T]:
        """Turn the nodes of a page into objects."""

    @property
    def cursor(self) -> str | None:
        """Where the next page starts; None before the first of the listing."""
        if self._page is None:
            return self._start
        edges = self._page["edges"]
        info = self._page.get("pageInfo") or {}
        last = edges[-1].get("cursor") if edges else None
        return last or info.get("endCursor")

    @property
    def more(self) -> bool:
        """Whether there are pages left to fetch."""
        return self._page is None or bool((self._page.get("pageInfo") or {}).get("hasNextPage"))

    def convert_objects(self) -> list[_T]:
        """Turn the last page into objects.

        Returns:
            New objects, in the order of the page; none before the first page.
        """
        return self._convert([edge["node"] for edge in self._page["edges"]]) if self._page else []

    def update_variables(self) -> None:
        """Set the variables of the query to the next page."""
        size, cursor = self._PAGE_VARIABLES
        self.variables |= {size: self.per_page, cursor: self.cursor}

    def next(self) -> _T:
        """Return the next object.

        Returns:
            The object after the one returned last.

        Raises:
            StopIteration: There are no more.
        """
        if not self._load_until(self._position):
            raise StopIteration
        self._position += 1
        return self.objects[self._position - 1]

    __next__ = next

    def __iter__(self) -> Iterator[_T]:
        position = 0
        while self._load_until(position):
            yield self.objects[position]
            position += 1

    @overload
    def __getitem__(self, index: int) -> _T: ...
    @overload
    def __getitem__(self, index: slice) -> list[_T]: ...

    def __getitem__(self, index: int | slice) -> _T | list[_T]:
        if isinstance(index, slice):
            ends = (index.start or 0, -1 if index.stop is None else index.stop)
            self._load_until(None if min(ends) < 0 else max(ends))
        else:
            self._load_until(None if index < 0 else index)
        return self.objects[index]

    def _load_until(self, index: int | None) -> bool:
        """Load pages until there is an object at an index; None loads all."""
        while index is None or len(self.objects) <= index:
            if not self._load_page():
                return False
        return True

    def _load_page(self) -> bool:
        if not self.more:
            return False
        if self._pages is None:
            self._pages = iter_pages(self._fetch, start=self.cursor)
        try:
            self._page = next(self._pages)
        except Exception:
            # A generator that raised is spent; without a new one the listing would end here.
            self._pages = None
            raise
        self.objects += self._fresh(self.convert_objects())
        return True

    def _fresh(self, objects: list[_T]) -> list[_T]:
        """Leave out what an earlier page has shown."""
        return objects

    def _query(self) -> str:
        return str(self.QUERY)

    def _fetch(self, cursor: str | None) -> Mapping[str, Any] | None:
        self.update_variables()
        variables = {**self.variables, self._PAGE_VARIABLES[1]: cursor}
        return self._connection(self.client.execute_document(self._query(), variables))


class SizedCollection(Collection[_T]):
    """A lazy listing whose length the server knows, so that it need not be loaded to be counted."""

    _count: int | None = None

    @property
    def length(self) -> int:
        """How many objects there are, by the server's own count."""
        self._load_until(0)
        if self._count is None:
            # An older server does not count them.
            self._load_until(None)
            return len(self.objects)
        return self._count

    def __len__(self) -> int:
        return self.length
