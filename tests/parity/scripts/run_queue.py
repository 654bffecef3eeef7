"""Make a queue for machines that take runs from it."""

from __future__ import annotations

from typing import Any

CHANGES = True


def main(wandb: Any) -> Any:
    """Give what the server says of the queue."""
    api = wandb.Api()
    made = api.create_run_queue(
        name="gpus", type="kubernetes", entity="local", config={"namespace": "ml"}
    )
    found = wandb.Api().run_queue("local", "gpus")
    answer = [made.name, found.type, found.access, found.default_resource_config, found.items]
    found.delete()
    return answer
