"""A run's summary that can be sent back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wbexport.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["RunSummary"]


class RunSummary(Summary):
    """Summary values of a run on a server. Setting one changes it here; `update` sends them all.

    Args:
        values: The values; the summary changes them in place.
        send: Saves the whole summary of the run.

    Example:
        >>> run.summary["best"] = 0.93
        >>> run.summary.update({"checked": True})
    """

    def __init__(self, values: dict[str, Any], send: Callable[[], None]) -> None:
        super().__init__(values)
        object.__setattr__(self, "_send", send)

    _send: Callable[[], None]

    def update(  # type: ignore[override]
        self, key_vals: Mapping[str, Any] | None = None, overwrite: bool = True
    ) -> None:
        """Set values, and save the whole summary of the run.

        Args:
            key_vals: The values to set; None to save what was set before.
            overwrite: Whether values that are there are replaced.

        Raises:
            InputError: A value has no form in JSON. Nothing was sent.
            RequestError: The server did not take the summary.
        """
        for key, value in (key_vals or {}).items():
            if overwrite or key not in self:
                self[key] = value
        self._send()

    def _nested(self, values: dict[str, Any]) -> RunSummary:
        return RunSummary(values, self._send)
