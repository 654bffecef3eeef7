"""The artifact types of a registry: a list that only grows."""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import TYPE_CHECKING, overload

from wbexport.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["AddOnlyArtifactTypesList"]


class AddOnlyArtifactTypesList(MutableSequence[str]):
    """Artifact types, the saved ones before those that were added since; each is there once.

    Types that are saved stay; the others can be changed and removed.

    Args:
        saved: The saved types.

    Example:
        >>> registry.artifact_types.append("model")
        >>> registry.save()
    """

    def __init__(self, saved: Iterable[str] = ()) -> None:
        self._saved = tuple(saved)
        self._draft: list[str] = []

    @property
    def draft(self) -> tuple[str, ...]:
        """The types that are not saved yet."""
        return tuple(self._draft)

    def append(self, value: str) -> None:
        """Add a type at the end, unless it is there.

        Args:
            value: The type.
        """
        if value not in self:
            self._draft.append(value)

    def insert(self, index: int, value: str) -> None:
        """Add a type before another that is not saved yet, unless it is there.

        Args:
            index: Where.
            value: The type.

        Raises:
            InputError: The other is saved.
        """
        if value not in self:
            place = min(index if index >= 0 else max(index + len(self), 0), len(self))
            self._draft.insert(self._draft_index(place), value)

    def remove(self, value: str) -> None:
        """Remove a type that is not saved yet.

        Args:
            value: The type.

        Raises:
            InputError: It is saved.
            ValueError: It is not there.
        """
        if value in self._saved:
            raise InputError(f"The artifact type {value!r} is saved in the registry, and stays.")
        self._draft.remove(value)

    def __len__(self) -> int:
        return len(self._saved) + len(self._draft)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        return [*self._saved, *self._draft][index]

    @overload
    def __setitem__(self, index: int, value: str) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[str]) -> None: ...

    def __setitem__(self, index: int | slice, value: str | Iterable[str]) -> None:
        place = self._draft_index(self._one(index))
        if not isinstance(value, str):
            raise InputError(f"An artifact type is text, not {value!r}.")
        if value not in self:
            self._draft[place] = value

    def __delitem__(self, index: int | slice) -> None:
        del self._draft[self._draft_index(self._one(index))]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, list | tuple | AddOnlyArtifactTypesList):
            return NotImplemented
        return list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"AddOnlyArtifactTypesList(saved={list(self._saved)!r}, draft={self._draft!r})"

    def _one(self, index: int | slice) -> int:
        """Return an index from the start."""
        if isinstance(index, slice):
            raise InputError("Change artifact types one by one, not a slice of them.")
        if not -len(self) <= index < len(self):
            raise IndexError("there are not so many artifact types")
        return index % len(self)

    def _draft_index(self, index: int) -> int:
        if index < len(self._saved):
            raise InputError(
                f"The artifact type {self._saved[index]!r} is saved in the registry, and stays."
            )
        return index - len(self._saved)
