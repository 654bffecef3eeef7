"""A program for the real SDK: fills a server with some of everything that its API reads.

It imports nothing of wbexport. Entity `local`, project `vision`; every proof of the API starts
from a copy of the store that this makes.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

__all__ = ["main"]

PROJECT = "vision"


def main() -> None:
    """Make everything, in the order in which a team would."""
    log_runs()
    make_people()


def log_runs() -> None:
    """Log runs that differ in config, tags, state, keys and files."""
    import wandb

    for number in (1, 2, 3):
        run = wandb.init(
            project=PROJECT,
            id=f"train-{number}",
            name=f"Train {number}",
            group="baseline" if number < 3 else "later",
            job_type="train",
            tags=["mlp", f"try-{number}"],
            notes=f"notes of {number}",
            config={"lr": number / 10, "model": {"name": "mlp", "layers": number}},
        )
        for step in range(30):
            row: dict[str, Any] = {"loss": number / (step + 1), "acc": step * number / 100}
            if number == 2 and step % 10 == 0:
                row |= {"odd": math.nan, "word": f"at {step}"}
            run.log(row)
        save_files(run)
        run.finish(exit_code=int(number == 3))
    for project in ("other", "third"):
        wandb.init(project=project, id="alone", config={"lr": 1}).finish()


def save_files(run: Any) -> None:
    """Save a text and some bytes with a run."""
    folder = Path(run.id)
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").write_text(f"text of {run.id}\n", encoding="utf-8")
    (folder / "weights.bin").write_bytes(bytes(range(256)))
    run.save(f"{folder}/*", policy="now", base_path=".")


def make_people() -> None:
    """Make a user, and a team of hers with a guest and an account for machines."""
    import wandb

    api = wandb.Api()
    api.create_user("ada@example.org")
    team = api.create_team("lab", "ada")
    team.invite("local")
    team.invite("guest@example.org", admin=True)
    team.create_service_account("nightly")
