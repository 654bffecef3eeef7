"""Makes the sample project: trains sixty small networks and logs them with the real SDK.

Run it with `python -m wbexport.data.make_demo`; it takes the development extras and a minute or
two. The runs are a hyper-parameter search on scikit-learn's digits: real curves, among them runs
that diverge to NaN, that stop early, and one that crashes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import wandb
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from wbexport.data import DEMO_PROJECT, DEMO_STORE
from wbexport.server.serve import LocalServer
from wbexport.settings import Settings
from wbexport.sync.engine import sync

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Network", "Recipe", "log_run", "main", "recipes", "train"]

PATIENCE = 10
EPOCHS = 60
LEARN = 400
#: The run and the update at which it fails.
CRASH = (17, 130)
NOTES = {
    0: "First run of the search.",
    17: "Killed half-way, on purpose: searches have such runs too.",
}
Floats = NDArray[np.float64]
Row = dict[str, float | str]


@dataclass(frozen=True)
class Recipe:
    """What one run trains: the config it logs."""

    optimizer: str
    learning_rate: float
    hidden: int
    batch_size: int
    dropout: float
    weight_decay: float
    seed: int


def recipes(count: int) -> list[Recipe]:
    """Draws the search: the same recipes every time."""
    random = np.random.default_rng(20)
    drawn = []
    for number in range(count):
        optimizer = ("sgd", "momentum", "adam")[number % 3]
        fastest = {"sgd": 6.0, "momentum": 2.0, "adam": 0.4}[optimizer]
        drawn.append(
            Recipe(
                optimizer=optimizer,
                learning_rate=float(f"{fastest * 10 ** -random.uniform(0, 3):.2g}"),
                hidden=int(random.choice([0, 16, 32, 64])),
                batch_size=int(random.choice([50, 100, 200])),
                dropout=float(random.choice([0.0, 0.0, 0.2])),
                weight_decay=float(random.choice([0.0, 1e-4, 1e-2])),
                seed=number % 4,
            )
        )
    return drawn


class Network:
    """A softmax classifier with at most one hidden layer, and its optimizer's memory.

    Args:
        recipe: Sizes, optimizer and regularisation.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.random = np.random.default_rng(recipe.seed)
        sizes = [64, recipe.hidden, 10] if recipe.hidden else [64, 10]
        self.weights: list[Floats] = [
            self.random.normal(0, np.sqrt(2 / rows), (rows + 1, columns))
            for rows, columns in pairwise(sizes)
        ]
        self.mean = [np.zeros_like(weight) for weight in self.weights]
        self.square = [np.zeros_like(weight) for weight in self.weights]
        self.updates = 0

    def scores(self, inputs: Floats) -> tuple[Floats, list[Floats]]:
        """Gives class scores and the inputs of each layer, bias column included."""
        layers = []
        for depth, weight in enumerate(self.weights):
            if depth:
                inputs = np.maximum(inputs, 0)
            inputs = np.column_stack([inputs, np.ones(len(inputs))])
            layers.append(inputs)
            inputs = inputs @ weight
        return inputs, layers

    def step(self, inputs: Floats, labels: NDArray[np.int64], rate: float) -> float:
        """Takes one optimizer step and returns the norm of the gradient."""
        keep = 1 - self.recipe.dropout
        inputs = inputs * (self.random.random(inputs.shape) < keep) / keep
        scores, layers = self.scores(inputs)
        error = softmax(scores)
        error[np.arange(len(labels)), labels] -= 1
        error /= len(labels)
        gradients: list[Floats] = []
        for depth in reversed(range(len(self.weights))):
            gradients.insert(0, layers[depth].T @ error)
            if depth:
                error = (error @ self.weights[depth].T)[:, :-1] * (layers[depth][:, :-1] > 0)
        self.updates += 1
        for depth, gradient in enumerate(gradients):
            gradient += self.recipe.weight_decay * self.weights[depth]
            self.weights[depth] -= rate * self._direction(depth, gradient)
        return float(np.sqrt(sum(float((gradient**2).sum()) for gradient in gradients)))

    def _direction(self, depth: int, gradient: Floats) -> Floats:
        if self.recipe.optimizer == "sgd":
            return gradient
        decay = 0.9
        if self.recipe.optimizer == "momentum":
            self.mean[depth] = decay * self.mean[depth] + gradient
            return self.mean[depth]
        self.mean[depth] = decay * self.mean[depth] + (1 - decay) * gradient
        self.square[depth] = 0.999 * self.square[depth] + 0.001 * gradient**2
        mean = self.mean[depth] / (1 - decay**self.updates)
        square = self.square[depth] / (1 - 0.999**self.updates)
        direction: Floats = mean / (np.sqrt(square) + 1e-8)
        return direction


def softmax(scores: Floats) -> Floats:
    """Turns scores into probabilities; overflows as naive code does, so fast runs go to NaN."""
    powers = np.exp(scores.astype(np.float32)).astype(np.float64)
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


def judge(network: Network, inputs: Floats, labels: NDArray[np.int64]) -> tuple[float, float]:
    """Gives loss and accuracy."""
    shares = softmax(network.scores(inputs)[0])
    chosen = shares[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean()), float(
        (shares.argmax(axis=1) == labels).mean()
    )


def train(recipe: Recipe) -> Iterator[Row]:
    """Trains one network and yields what it logs at each update; ends when it stops helping.

    Every update has the training loss; the last one of an epoch has the rest as well.
    """
    digits = load_digits()
    inputs, labels = digits.data / 16.0, digits.target
    order = np.random.default_rng(7).permutation(len(labels))
    learn, test = order[:LEARN], order[LEARN:]
    network = Network(recipe)
    best, waited = np.inf, 0
    for epoch in range(EPOCHS):
        norms: list[float] = []
        shuffled = network.random.permutation(learn)
        batches = np.split(shuffled, range(recipe.batch_size, LEARN, recipe.batch_size))
        rate = recipe.learning_rate * 0.5 * (1 + np.cos(np.pi * epoch / EPOCHS))
        for number, batch in enumerate(batches, start=1):
            norms.append(network.step(inputs[batch], labels[batch], rate))
            loss, _ = judge(network, inputs[batch], labels[batch])
            logged: Row = {"train/loss": loss, "lr": float(rate)}
            if number < len(batches):
                yield logged
        _, train_accuracy = judge(network, inputs[learn], labels[learn])
        val_loss, val_accuracy = judge(network, inputs[test], labels[test])
        best, waited = (val_loss, 0) if val_loss < best - 1e-3 else (best, waited + 1)
        if not waited:
            logged["event"] = "new best"
        yield logged | {
            "epoch": epoch,
            "train/accuracy": train_accuracy,
            "val/loss": val_loss,
            "val/accuracy": val_accuracy,
            "grad/norm": float(np.mean(norms)),
        }
        if waited >= PATIENCE and epoch > EPOCHS // 3:
            return


def log_run(number: int, recipe: Recipe, settings: wandb.Settings) -> None:
    """Trains one run of the search and logs it as any training script would."""
    kind = f"mlp-{recipe.hidden}" if recipe.hidden else "linear"
    with wandb.init(
        entity="demo",
        project="digits",
        id=f"digits{number:02d}",
        name=f"{recipe.optimizer}-{kind}-lr{recipe.learning_rate:g}",
        group=recipe.optimizer,
        job_type="train",
        tags=["mlp" if recipe.hidden else "baseline", f"seed-{recipe.seed}"],
        notes=NOTES.get(number),
        config=asdict(recipe) | {"data": {"name": "digits", "train": LEARN}},
        settings=settings.model_copy(),  # `init` writes the notes of a run into it.
    ) as run:
        best = 0.0
        for update, row in enumerate(train(recipe)):
            run.log(row)
            best = max(best, float(row.get("val/accuracy", 0)))
            if (number, update) == CRASH:
                run.finish(exit_code=1)
                return
        run.summary["best_accuracy"] = best
        if np.isnan(float(row["train/loss"])):
            run.tags = (*(run.tags or ()), "diverged")


def main() -> None:
    """Trains, logs into a local server, and keeps its store as the sample."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=DEMO_STORE)
    parser.add_argument("--runs", type=int, default=60)
    options = parser.parse_args()
    np.seterr(all="ignore")  # Runs that diverge are part of the sample.
    with tempfile.TemporaryDirectory() as folder:
        with LocalServer(Path(folder) / "logged.duckdb", writable=True) as server:
            os.environ |= {"WANDB_API_KEY": server.token, "WANDB_ERROR_REPORTING": "false"}
            logging = wandb.Settings(
                base_url=server.url,
                root_dir=folder,
                silent=True,
                console="off",
                disable_git=True,
                host="demo",
                username="demo",
                email="demo@example.com",
                program="train.py",
                ignore_globs=["*"],
                x_save_requirements=False,
                x_disable_stats=True,
                x_disable_meta=True,
                x_disable_machine_info=True,
            )
            for number, recipe in enumerate(recipes(options.runs)):
                log_run(number, recipe, logging)
                print(f"{number + 1:3d} {recipe}")
            # What a sync writes in one go is smaller than what grew while the runs were logged.
            settings = Settings.load(api_key=server.token, overrides={"base_url": server.url})
            report = sync(
                DEMO_PROJECT,
                synced := Path(folder) / "synced.duckdb",
                include=("history", "system", "console"),
                settings=settings,
            )
        report.raise_for_failures()
        shutil.copyfile(synced, options.out)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
