# Functions that provenance.smk uses.
from workflow_scripts.lib.provenance.jobs import jobs_behind
from workflow_scripts.lib.provenance.record import LOCK


def jobs_of(targets):
    """The jobs of this run that `targets` need, by rule."""
    return jobs_behind(tuple(workflow.rules), f"{RUN}/", tuple(map(str, targets)))


def logs_behind(targets):
    """The logs of the jobs that `targets` need, by rule."""
    return {rule: jobs.logs for rule, jobs in jobs_of(targets).items()}


def outputs_of_run(wildcards):
    """The run's outputs, by rule."""
    jobs = jobs_of(RESULTS + FIGURES)
    return {rule: made.outputs for rule, made in jobs.items() if made.outputs}


def logs_of_run(wildcards):
    """The logs of all jobs of the run."""
    return [log for logs in logs_behind(RESULTS + FIGURES).values() for log in logs]


def config_of_results():
    """The config without keys that change no result: the places of inputs, and what is done with a
    finished run."""
    excluded = ("manifest", "report", "download", "face_cache", "verify_against")
    excluded += ("videos_to_judge", "judge_")
    return {key: value for key, value in config.items() if not key.startswith(excluded)}
