"""Programs for the real SDK that run sweeps; each prints one JSON object."""

from __future__ import annotations

__all__ = ["AGENTS", "CONFIG", "READ", "TRAIN"]

#: Runs three sweeps, each by an agent in this process.
AGENTS = """
import json, math, wandb
from wandb.agents import pyagent

pyagent.Agent.HEARTBEAT_SLEEP_SECONDS = 0.05

def train():
    with wandb.init() as run:
        lr, layers = run.config["lr"], run.config["model"]["layers"]
        for step in range(3):
            run.log({"val": {"loss": abs(math.log10(lr) + 2) + layers + 2 - step}})

def search(method, lr, count, **more):
    layers = {"parameters": {"layers": {"values": [1, 2]}}}
    config = {"method": method, "metric": {"name": "val.loss", "goal": "minimize"}, **more}
    config["parameters"] = {"lr": lr, "model": layers, "fixed": {"value": {"a": [1, None]}}}
    sweep = wandb.sweep(config, project="searched")
    wandb.agent(sweep, train, project="searched", count=count)
    return sweep

wide = {"distribution": "log_uniform_values", "min": 1e-4, "max": 1.0}
print(json.dumps({
    "grid": search("grid", {"values": [1e-4, 0.1]}, 4),
    "random": search("random", wide, 2),
    "bayes": search("bayes", wide, 6, run_cap=6),
}), flush=True)
"""

#: Reads them back.
READ = """
import json, sys, wandb

api = wandb.Api()
answer = {}
for name in sys.argv[1:]:
    sweep = api.sweep(f"searched/{name}")
    runs = sorted(sweep.runs, key=lambda run: run.created_at)
    answer[name] = {
        "state": sweep.state,
        "expected": sweep.expected_run_count,
        "best_loss": sweep.best_loss,
        "best": sweep.best_run().config,
        "configs": [run.config for run in runs],
        "names": [run.sweep_name for run in runs],
        "states": [run.state for run in runs],
        "losses": [run.summary["val"]["loss"] for run in runs],
        "agents": [[agent.total_runs, len(list(agent.runs()))] for agent in sweep.agents()],
    }
print(json.dumps(answer, default=dict))
"""

#: A sweep file, and the program it runs.
CONFIG = """
program: train.py
method: grid
metric: {name: loss, goal: minimize}
command: ["${interpreter}", "${program}", "${args}"]
parameters:
  lr: {values: [1e-3, 0.5]}
  fixed: {value: text}
"""

TRAIN = """
import argparse, wandb
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--fixed")
given = parser.parse_args()
with wandb.init() as run:
    run.log({"loss": given.lr, "same": int(given.lr == run.config.lr)})
"""
