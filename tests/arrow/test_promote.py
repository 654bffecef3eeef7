"""The algebra of kinds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.arrow.strategies import rows
from wbexport.arrow.convert import rows_to_long
from wbexport.arrow.literals import decode_value
from wbexport.arrow.promote import KINDS, kinds_of, promote, promote_all

kinds = st.sampled_from(KINDS)


@given(kinds, kinds, kinds)
def test_promotion_is_associative_and_commutative(a, b, c):
    assert promote(promote(a, b), c) == promote(a, promote(b, c))
    assert promote(a, b) == promote(b, a)


@given(kinds)
def test_null_changes_nothing_and_mixed_takes_all(kind):
    assert promote(kind, kind) == kind
    assert promote("null", kind) == kind
    assert promote("mixed", kind) == "mixed"


def test_numbers_join_and_unlike_kinds_mix():
    assert promote("int", "float") == "float"
    assert promote("int", "string") == "mixed"
    assert promote_all([]) == "null"


def kind_of(value):
    names = {int: "int", float: "float", str: "string", bool: "bool", dict: "json", list: "json"}
    kind = "null" if value is None else names[type(value)]
    return "mixed" if kind == "int" and abs(value) >= 2**53 else kind


@given(rows())
def test_the_kind_of_a_key_is_that_of_all_its_values(logged):
    long = rows_to_long(logged)
    by_key = {}
    for line in long.to_pylist():
        value = decode_value(line["value"], line["text"])
        by_key.setdefault(line["key"], []).append(kind_of(value))
    assert kinds_of(long) == {key: promote_all(found) for key, found in by_key.items()}
