"""Tell how two runs differ in settings and results."""

from __future__ import annotations

from typing import Any

CHANGES = False


def flat(values: Any, prefix: str = "") -> dict[str, Any]:
    """Give nested settings one level, with dotted names."""
    found = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        elif not key.startswith("_"):
            found[prefix + key] = value
    return found


def main(wandb: Any) -> Any:
    """Give the settings and results that are not the same."""
    api = wandb.Api()
    first, second = (api.run(f"local/vision/train-{number}") for number in (1, 2))
    answer = {}
    for part in ("config", "summary"):
        one, two = (flat(dict(getattr(run, part).items())) for run in (first, second))
        answer[part] = {
            key: [one.get(key), two.get(key)]
            for key in sorted(one.keys() | two.keys())
            if one.get(key) != two.get(key) and key != "odd"
        }
    return answer
