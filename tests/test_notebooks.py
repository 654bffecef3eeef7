"""Runs every notebook and looks at what came out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbclient import NotebookClient

if TYPE_CHECKING:
    from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def executed(name: str, folder: Path) -> NotebookNode:
    """Runs a notebook in an empty folder, without an account and with no settings but its own."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    return client.execute()


def output_of(notebook: NotebookNode, tag: str, kind: str = "text/plain") -> str:
    """What the cell with a tag gave back."""
    cell = next(cell for cell in notebook.cells if tag in cell.metadata.get("tags", []))
    return next(str(output.data[kind]) for output in cell.outputs if "data" in output)


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_ENTITY", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell for cell in code if cell.outputs or cell.execution_count] == []


def test_the_first_export_ends_in_frames_and_a_plot(empty_home: Path) -> None:
    notebook = executed("01_first_export.ipynb", empty_home)
    assert "shape: (60, " in output_of(notebook, "runs")
    assert "60 new" in output_of(notebook, "sync")
    assert "60 unchanged" in output_of(notebook, "sync-again")
    assert "shape: (3, 5)" in output_of(notebook, "by-optimizer")
    assert '"field": "optimizer"' in output_of(notebook, "plot", "text/html")
