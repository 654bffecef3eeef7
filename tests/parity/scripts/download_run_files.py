"""Download the files of a run, all or those of one kind."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

CHANGES = False


def main(wandb: Any) -> Any:
    """Give what was downloaded, and where it went."""
    run = wandb.Api().run("local/vision/train-1")
    folder = tempfile.mkdtemp()
    found = {}
    for file in run.files():
        if not file.name.startswith("wandb-"):
            file.download(root=folder).close()
            data = (Path(folder) / file.name).read_bytes()
            found[file.name] = [len(data) == file.size, hashlib.md5(data).hexdigest()]
    again = run.file("train-1/notes.txt").download(root=folder, replace=True)
    with again:
        text = again.read()
    return {"files": found, "notes": text, "bytes": [f.size for f in run.files(pattern="%.bin")]}
