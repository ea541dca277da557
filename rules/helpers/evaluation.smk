# Functions and values that evaluation.smk uses.
OTHER_RUNS = {Path(folder).name: folder for folder in config["test_on_runs"]}
LEARNING_CURVES = config["learning_curve"]["experiments"]
BOOTSTRAP = {**config["evaluation"], "seed": config["seed"]}


def evaluation_memory(wildcards, attempt):
    """MB for scoring, in batches of rows; a model that is not stored as arrays may hold its training
    rows."""
    needed = training_memory(wildcards, attempt)
    as_arrays = MODELS[EXPERIMENTS[wildcards.experiment]["model"]].form
    return min(needed, 3000 * attempt) if as_arrays else needed


def cross_dataset_memory(wildcards, attempt):
    """MB for scoring another run's videos, of which there may be more than here."""
    return max(evaluation_memory(wildcards, attempt), 3000 * attempt)


def in_other_run(file):
    """An input function that gives a file of the run in the wildcard `other`."""
    return lambda wildcards: f"{OTHER_RUNS[wildcards.other]}/{file}"


def features_cross_dataset(wildcards):
    """An experiment's feature sets of another run."""
    names = stored_features(EXPERIMENTS[wildcards.experiment])
    pattern = "<results>/cross_dataset/{{other}}/features/{features}.json"
    return expand(pattern, features=names)


def per_other_run(pattern):
    """`pattern` for each experiment, honest protocol and other run."""
    return expand(pattern, other=OTHER_RUNS, protocol=HONEST, experiment=EXPERIMENTS)


def per_curve(pattern):
    """`pattern` for each experiment that has a learning curve."""
    return expand(pattern, experiment=LEARNING_CURVES)


def per_subset(pattern):
    """`pattern` for each fit of the learning curves, by experiment, number of groups and repeat."""
    curve = config["learning_curve"]
    return expand(
        pattern,
        experiment=LEARNING_CURVES,
        halvings=range(1, curve["halvings"] + 1),
        repeat=range(curve["repeats"]),
    )
