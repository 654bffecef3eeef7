"""The digest sees content, not the way it came."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tests.arrow.strategies import rows
from wbexport.arrow.convert import long_to_export, rows_to_long, wide_to_long
from wbexport.arrow.digest import DIGEST_MODULUS, long_digest


@given(rows(), st.randoms(), st.integers(0, 20))
def test_order_and_chunking_do_not_change_the_digest(logged, random, cut):
    long = rows_to_long(logged)
    order = list(range(long.num_rows))
    random.shuffle(order)
    shuffled = long.take(pa.array(order, pa.int64()))
    parts = [long_digest("id", "history", part) for part in (shuffled[:cut], shuffled[cut:])]
    assert sum(parts) % DIGEST_MODULUS == long_digest("id", "history", long)


@given(rows(), rows())
def test_unlike_contents_have_unlike_digests(first, second):
    one, two = rows_to_long(first), rows_to_long(second)
    same_content = list(map(repr, one.to_pylist())) == list(map(repr, two.to_pylist()))
    assert (long_digest("a", "history", one) == long_digest("a", "history", two)) == same_content


def test_run_and_stream_are_part_of_the_content():
    long = rows_to_long([{"_step": 0, "a": 1}])
    places = [("a", "history"), ("b", "history"), ("a", "system")]
    assert len({long_digest(*place, long) for place in places}) == 3


def test_an_export_has_the_digest_of_its_rows():
    long = rows_to_long([{"_step": 0, "d": {"b": 1.0, "a": "é"}, "x": 0.5}, {"_step": 4}])
    assert long_digest("a", "history", wide_to_long(long_to_export(long))) == long_digest(
        "a", "history", long
    )


def test_the_order_of_members_does_not_matter():
    one, two = ({"_step": 0, "d": {"a": 1, "b": 2}}, {"_step": 0, "d": {"b": 2, "a": 1}})
    digests = {long_digest("a", "history", rows_to_long([row])) for row in (one, two)}
    assert len(digests) == 1
