"""Train one experiment's model on the training part of one protocol."""

import logging
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils._param_validation import InvalidParameterError

from workflow_scripts.lib.features import find_feature_set, recipe
from workflow_scripts.lib.manifest import Label
from workflow_scripts.lib.models import make_model, save_model
from workflow_scripts.lib.run import UserError, cost_so_far, write_json
from workflow_scripts.lib.splits import TRAIN
from workflow_scripts.lib.store import load_matrix
from workflow_scripts.lib.tables import read_table

THRESHOLD = 0.5  # a forest's majority


def main(
    store: Path,
    split: Path,
    protocol: str,
    name: str,
    experiment: dict[str, Any],
    seed: int,
    threads: int,
    model_path: Path,
    card_path: Path,
) -> None:
    """Write the model, and its card (`model.json`): what it is and what it was trained on."""
    table = read_table(split)
    table = table[table["part"] == TRAIN]
    labels = (table["label"] == Label.FAKE.word).to_numpy().astype(int)
    if len(np.unique(labels)) < 2:
        raise UserError(
            f"The training part of {split} holds only {table['label'].iloc[0]} videos. "
            "A model needs both; add videos of the other label or change splits.test_share."
        )
    extract = recipe(experiment["features"], experiment["side"])
    matrix = load_matrix(store, table["row"].to_numpy(), extract)
    logging.info("Training on a matrix of %d rows and %d columns", *matrix.shape)
    model = make_model(experiment["model"], experiment["params"], seed, threads)
    try:
        model.fit(matrix, labels)
    except InvalidParameterError as error:
        raise UserError(f"experiments.{name}.params: {error} Correct the config.") from error
    save_model(model_path, model)
    write_json(
        card_path,
        {
            "experiment": name,
            "protocol": protocol,
            "classes": [label.word for label in Label],
            "threshold": THRESHOLD,
            "features": {
                "name": experiment["features"],
                "version": find_feature_set(experiment["features"]).version,
                "side": experiment["side"],
                "columns": matrix.shape[1],
            },
            "model": experiment["model"],
            "params": experiment["params"],
            "seed": seed,
            "training": {
                "rows": len(table),
                "videos": table["video"].nunique(),
                "groups": sorted(table["group"].unique()),
            },
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("numpy", "scikit-learn", "skops", "zarr")},
            },
            "cost": cost_so_far(),
        },
    )


if __name__ == "__main__":
    from workflow_scripts.lib.run import script_log

    with script_log(snakemake.log[0]):
        main(
            store=Path(snakemake.input.store).parent,
            split=Path(snakemake.input.split),
            protocol=snakemake.wildcards.protocol,
            name=snakemake.wildcards.experiment,
            threads=snakemake.threads,
            model_path=Path(snakemake.output.model),
            card_path=Path(snakemake.output.card),
            **snakemake.params,
        )
