"""Documents and bodies that cost too much are refused before they do."""

from __future__ import annotations

import gzip
import time

import pytest

from wbexport.server.execute import Executor, Prepared, make_schema
from wbexport.server.limits import Limits, TooLargeError, gunzip

SDL = """
type Query { a: Query b(x: Int): Int c: String }
scalar Int64
"""


def prepare(text: str) -> Prepared:
    return Executor(make_schema(SDL, {}), Limits()).prepare(text)


def chain(count: int) -> str:
    links = [f"fragment F{i} on Query {{ a {{ ...F{i + 1} }} }}" for i in range(count)]
    return "{ ...F0 }" + "".join(links) + f"fragment F{count} on Query {{ c }}"


def doubling(count: int) -> str:
    links = [
        f"fragment F{i} on Query {{ a {{ ...F{i + 1} }} x: a {{ ...F{i + 1} }} }}"
        for i in range(count)
    ]
    return "{ ...F0 }" + "".join(links) + f"fragment F{count} on Query {{ c }}"


ATTACKS = {
    "deep": "{" + "a {" * 5000 + "c" + "}" * 5000 + "}",
    "a bit deep": "{" + "a {" * 20 + "c" + "}" * 20 + "}",
    "aliases": "{" + " ".join(f"x{i}: c" for i in range(3000)) + "}",
    "repeats": "{" + "c " * 3000 + "}",
    "repeats with arguments": "{" + "b(x: 1) " * 3000 + "}",
    "inline fragments": "{" + "... on Query { c } " * 1000 + "}",
    "nested inline fragments": "{" + "... on Query {" * 500 + "c" + "}" * 500 + "}",
    "spreads": "{" + "...F " * 3000 + "} fragment F on Query { c }",
    "many fragments": "{ c }" + "".join(f"fragment F{i} on Query {{ c }}" for i in range(500)),
    "cycle of one": "{ ...F } fragment F on Query { ...F }",
    "cycle of two": "{ ...F } fragment F on Query { ...G } fragment G on Query { ...F }",
    "cycle below a field": "{ ...F } fragment F on Query { a { ...F } }",
    "cycle not used": "{ c } fragment F on Query { a { ...F } }",
    "chain of fragments": chain(30),
    "doubling fragments": doubling(30),
    "comments": "{ c }" + "#" * 1_000_000,
    "commas": "{ c }" + "," * 1_000_000,
    "tokens": "{ b(x: " + "[" * 12_000 + "]" * 12_000 + ") }",
    "deep list": "{ b(x: " + "[" * 3000 + "]" * 3000 + ") }",
    "deep object": "{ b(x: " + "{a:" * 3000 + "1" + "}" * 3000 + ") }",
    "deep type": "query ($x: " + "[" * 3000 + "Int" + "]" * 3000 + ") { c }",
    "directives": "{ c " + "@skip(if: false) " * 3000 + "}",
    "long string": '{ c(x: "' + "a" * 1_000_000 + '") }',
    "long name": "{ " + "a" * 60_000 + " }",
    "many operations": " ".join(f"query Q{i} {{ c }}" for i in range(2000)),
    "unknown fields": "{" + " ".join(f"f{i}" for i in range(2000)) + "}",
    "unknown fragments": "{" + " ".join(f"...F{i}" for i in range(2000)) + "}",
    "variables": "query (" + " ".join(f"$v{i}: Int" for i in range(2000)) + ") { c }",
    "subscription": "subscription { c }",
    "empty": "",
    "only a comment": "#graphql",
    "schema": "type T { a: Int }",
    "no end": "{ a { c ",
    "unicode": "{ ｃ }",
    "nul": "{ c\0 }",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_at_once(name: str) -> None:
    seconds = []
    # The quickest of three: a process full of objects pauses to collect them.
    for _ in range(3):
        started = time.process_time()
        prepared = prepare(ATTACKS[name])
        seconds.append(time.process_time() - started)
        assert prepared.document is None
        assert 1 <= len(prepared.errors) <= 11
    assert min(seconds) < 0.5


@pytest.mark.parametrize(
    "text",
    [
        "{ c }",
        "#graphql\n{ c }",
        "{ a { a { c @include(if: true) } } x: b(x: 1) }",
        "query Q { ...F ...F } fragment F on Query { a { ...G } } fragment G on Query { c }",
        "{" + " ".join(f"x{i}: a {{ ...F }}" for i in range(100)) + "} fragment F on Query { c }",
    ],
)
def test_an_honest_document_is_accepted(text: str) -> None:
    assert prepare(text).errors == ()


def test_a_document_is_checked_once() -> None:
    executor = Executor(make_schema(SDL, {}), Limits(), remember=2)
    first = executor.prepare("{ c }")
    assert executor.prepare("{ c }") is first
    for text in ("{ b }", "{ a { c } }"):
        executor.prepare(text)
    assert executor.prepare("{ c }") is not first


@pytest.mark.parametrize("size", [0, 1, 999, 1000])
def test_a_gzip_body_unpacks_up_to_the_limit(size: int) -> None:
    assert gunzip(gzip.compress(b"x" * size), limit=1000) == b"x" * size


def test_a_gzip_bomb_is_refused_without_unpacking_it() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    with pytest.raises(TooLargeError):
        gunzip(bomb, limit=1000)


@pytest.mark.parametrize("cut", range(0, 30, 3))
def test_a_cut_gzip_body_is_an_error(cut: int) -> None:
    with pytest.raises(ValueError, match="gzip"):
        gunzip(gzip.compress(b"hello")[:cut][:-1], limit=1000)
