"""What all objects share: fields that may be set, and their pages in notebooks."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient

from wbexport.api.attributes import Attributes, Settable


class Thing(Attributes):
    name = Settable[str]("displayName", "What it is called.")


def test_a_field_that_is_set_is_the_servers_field() -> None:
    thing = Thing({"displayName": "old", "other": 1})
    thing.name = "new"
    assert (thing.name, thing.display_name, thing.other) == ("new", "new", 1)
    assert Thing.name.__doc__ == "What it is called."
    assert Thing({}).name is None
    with pytest.raises(AttributeError, match="Thing has no attribute 'missing'"):
        _ = thing.missing


def test_outside_a_notebook_nothing_is_shown() -> None:
    assert Thing({}).display() is False
    assert Thing({}).to_html() is None


CELL = """
from wbexport.api.attributes import Attributes

class Page(Attributes):
    def to_html(self, height=420, hidden=False):
        return f"<b>{height} {hidden}</b>"

(Page({}).display(height=7), Attributes({}).display())
"""


def test_in_a_notebook_an_object_shows_its_page() -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, timeout=60).execute()
    shown, result = notebook.cells[0].outputs
    assert shown["data"]["text/html"] == "<b>7 False</b>"
    assert result["data"]["text/plain"] == "(True, False)"
