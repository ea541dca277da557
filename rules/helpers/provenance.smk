# What the rules of provenance.smk ask of the config, the manifest and each other.
from workflow_scripts.lib.provenance.jobs import jobs_behind
from workflow_scripts.lib.provenance.record import LOCK


def jobs_of(targets):
    """The jobs of this run that `targets` need, by rule."""
    return jobs_behind(tuple(workflow.rules), f"{RUN}/", tuple(map(str, targets)))


def logs_behind(targets):
    """The logs of the jobs that `targets` need, by rule."""
    return {rule: jobs.logs for rule, jobs in jobs_of(targets).items()}


def outputs_of_run(wildcards):
    """All that the run makes, by rule."""
    jobs = jobs_of(RESULTS + FIGURES)
    return {rule: made.outputs for rule, made in jobs.items() if made.outputs}


def logs_of_run(wildcards):
    """The logs of all jobs of the run."""
    return [log for logs in logs_behind(RESULTS + FIGURES).values() for log in logs]


def config_of_results():
    """The config without what changes no result: where videos, faces and tables come from, and what
    is done with a finished run."""
    left_out = ("manifest", "report", "download", "face_cache", "verify_against")
    left_out += ("videos_to_judge", "judge_")
    return {key: value for key, value in config.items() if not key.startswith(left_out)}
