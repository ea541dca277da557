# Functions and values that evaluation.smk uses.
OTHER_RUNS = {Path(folder).name: folder for folder in config["test_on_runs"]}
LEARNING_CURVES = config["learning_curve"]["experiments"]
BOOTSTRAP = {**config["evaluation"], "seed": config["seed"]}


def evaluation_memory(wildcards, attempt):
    """MB that scoring needs: less than training, and bounded, since rows are scored in batches."""
    return min(training_memory(wildcards, attempt), 3000 * attempt)


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
