"""Opens sweeps."""

from __future__ import annotations

from typing import cast

from wbexport.api.door import Door
from wbexport.api.sweeps import Sweep
from wbexport.paths import parse_run_path

__all__ = ["OpensSweeps"]


class OpensSweeps(Door):
    """Sweeps."""

    def sweep(self, path: str = "") -> Sweep:
        """Return a sweep.

        Args:
            path: `entity/project/sweep_id`, or less when the settings say the rest.

        Returns:
            The sweep. The same object for the same path, until `flush`.

        Raises:
            PathError: The path has another form.
            NotFoundError: There is no such sweep, or this key may not see it.
        """
        place = parse_run_path(path, self._entity, self.settings.project)
        key = (Sweep, place)
        if key not in self._opened:
            self._opened[key] = Sweep(self.client, place.entity, place.project, place.run_id)
        return cast("Sweep", self._opened[key])
