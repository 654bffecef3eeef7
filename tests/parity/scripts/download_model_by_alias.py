"""Download the version of a model that carries an alias."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

CHANGES = False


def main(wandb: Any) -> Any:
    """Give what the version says of itself, and the files it holds."""
    model = wandb.Api().artifact("local/vision/net:production", type="model")
    folder = Path(model.download(root=tempfile.mkdtemp()))
    files = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.*")}
    return {
        "version": [model.name, model.version, sorted(model.aliases), model.type, model.state],
        "metadata": model.metadata,
        "size": model.size,
        "files": files,
        "entries": sorted(model.manifest.entries),
        "one": model.get_entry("weights.txt").digest,
        "verified": model.verify(root=str(folder)),
    }
