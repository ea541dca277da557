# Functions that training.smk uses.
from functools import cache

from workflow_scripts.lib.training.grid import OUT_OF_BAG, list_fits, settings_id
from workflow_scripts.lib.training.trial import try_experiments


@cache
def settings_of(experiment):
    """The settings that each fit of an experiment's grid validates, by the fit's id."""
    return {settings_id(settings): settings for settings in list_fits(EXPERIMENTS[experiment])}


def fit_files(pattern, protocol, experiment):
    """`pattern` for each fit and fold of an experiment under a protocol."""
    out_of_bag = EXPERIMENTS[experiment]["validation"] == "out_of_bag"
    return expand(
        pattern,
        protocol=protocol,
        experiment=experiment,
        settings=settings_of(experiment),
        fold=[OUT_OF_BAG] if out_of_bag else range(config["training"]["folds"]),
    )


def per_fit(pattern):
    """An input function: `pattern` for each fit and fold of a job's experiment."""
    return lambda wildcards: fit_files(pattern, wildcards.protocol, wildcards.experiment)


def check_experiments():
    """Refuse settings that can't be trained, if any fits are planned."""
    if any(job.rule.name == "fit_fold" for job in workflow.dag.needrun_jobs()):
        try_experiments(EXPERIMENTS, len(VIDEOS) * config["sampling"]["frames"])
