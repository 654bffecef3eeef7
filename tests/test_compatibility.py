"""Every claim of COMPATIBILITY.md is linked to a test that is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.parity.surface import MEMBERS, OF_THE_CLOUD

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "COMPATIBILITY.md").read_text("utf-8")
LINKS = sorted(set(re.findall(r'\[yes\]\((\S+) "(\w+)"\)', TEXT)))
ROWS = [line.split("|")[1:-1] for line in TEXT.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize(("path", "name"), LINKS)
def test_a_claim_leads_to_its_proof(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    assert name in {getattr(node, "name", None) for node in tree.body}


def test_what_only_the_cloud_can_answer_is_told() -> None:
    assert OF_THE_CLOUD.keys() <= MEMBERS.keys()
    assert [name for name in OF_THE_CLOUD if f"`{name}`" not in TEXT] == []


def test_every_yes_of_wbexport_is_a_link() -> None:
    features = [cells for cells in ROWS if len(cells) == 3]
    assert len(features) > 30
    assert [cells for cells in features if cells[2].strip() == "yes"] == []
    assert len(LINKS) > 20
