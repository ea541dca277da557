# What the rules of evaluation.smk ask of the config, the manifest and each other.
OTHER_RUNS = {Path(folder).name: folder for folder in config["test_on_runs"]}


def in_other_run(file):
    """An input function that gives a file of the run that a job's model is tested on."""
    return lambda wildcards: f"{OTHER_RUNS[wildcards.other]}/{file}"


def features_cross_dataset(wildcards):
    """The feature sets that an experiment takes of another run."""
    names = stored_features(EXPERIMENTS[wildcards.experiment])
    pattern = "<results>/cross_dataset/{{other}}/features/{features}.json"
    return expand(pattern, features=names)


def per_other_run(pattern):
    """`pattern` for each experiment, honest protocol and other run."""
    return expand(
        pattern,
        other=OTHER_RUNS,
        protocol=HONEST,
        experiment=EXPERIMENTS,
    )


LEARNING_CURVES = config["learning_curve"]["experiments"]


def per_curve(pattern):
    """`pattern` for each experiment that a learning curve is drawn for."""
    return expand(pattern, experiment=LEARNING_CURVES)


def per_subset(pattern):
    """`pattern` for each fit of the learning curves: by experiment, by number of people, all
    repeats."""
    curve = config["learning_curve"]
    return expand(
        pattern,
        experiment=LEARNING_CURVES,
        halvings=range(1, curve["halvings"] + 1),
        repeat=range(curve["repeats"]),
    )
