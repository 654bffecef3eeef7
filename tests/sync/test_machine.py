"""Any order of changes and syncs ends with an archive equal to the server."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import pytest

from wbexport.server.exports import ExportPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import World


def change(world: World, dice: random.Random) -> None:
    """Does one thing that happens to real projects."""
    truth = world.truth
    runs = truth.runs
    what = dice.choice(["new", "grow", "grow", "edit", "finish", "rewind", "rename", "delete"])
    if what == "new" or not runs:
        state = dice.choice(["running", "finished"])
        truth.new(truth.rows(dice.randrange(12), start=dice.randrange(3)), state=state)
        return
    run = dice.choice(runs)
    last = truth.last_step(run)
    if what == "grow":
        truth.log(run, truth.rows(dice.randrange(1, 6), start=last + dice.randrange(1, 9)))
    elif what == "edit":
        truth.edit(run, tags=[f"t{dice.random()}"], notes=str(dice.random()))
    elif what == "finish":
        truth.edit(run, state=dice.choice(["running", "finished", "crashed"]))
    elif what == "rewind" and last > 0:
        step = dice.randrange(last + 1)
        truth.rewind(run, step, truth.rows(dice.randrange(1, 9), start=step))
    elif what == "rename":
        truth.edit(run, display_name=f"name {dice.random()}", run_id=f"id{dice.random()}"[:12])
    elif what == "delete" and dice.random() < 0.4:
        truth.delete(run)


def play(world: World, seed: int, moves: int) -> None:
    """Changes a project between syncs and within them."""
    dice = random.Random(seed)
    moment = itertools.count()

    def interfere(request: Any, wire: Any) -> None:
        if next(moment) % 5 == 4 and dice.random() < 0.5:
            change(world, dice)

    for _ in range(moves):
        for _ in range(dice.randrange(4)):
            change(world, dice)
        world.wire.fault = interfere if dice.random() < 0.5 else None
        world.sync(accept_deletes=True, jobs=1)
    world.wire.fault = None
    world.sync(accept_deletes=True)
    report = world.sync(accept_deletes=True)
    assert (report.status, report.changed) == ("ok", False)
    world.assert_equal()


@pytest.mark.parametrize("seed", range(4))
def test_an_archive_follows_a_project_through_any_order_of_changes(
    make_world: Callable[..., World], seed: int
):
    play(make_world(ExportPolicy(live_rows=seed), seed=seed), seed, moves=6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4, 304))
def test_an_archive_follows_a_project_through_hundreds_of_histories(
    make_world: Callable[..., World], seed: int
):
    play(make_world(ExportPolicy(live_rows=seed % 4), seed=seed), seed, moves=15)
