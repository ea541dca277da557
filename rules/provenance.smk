# What the run was made from, what it made, and whether that is still so.
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


rule record_run:
    """Write down what the run was made from and what it made."""
    input:
        unpack(outputs_of_run),
        networks=[] if config["join_runs"] else detector_networks,
        logs=logs_of_run,
    output:
        record="<results>/run.json",
    log:
        "<logs>/record_run.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=SMALL_JOB_MB,
        runtime=growing(60),
    params:
        content_digest([config["manifest"]]),
        content_digest([LOCK]),
        config=config_of_results(),
    message:
        "Recording what the run was made from, and what it made"
    script:
        "../workflow_scripts/provenance/record_run.py"


# It asks for no file of the run: that would make anew what it is to find missing.
rule verify:
    """Check that everything the run made is still what it was, or the same as on another machine."""
    log:
        "<logs>/verify.log",
    retries: 0
    localrule: True
    conda:
        "../envs/judging.yaml"
    resources:
        mem_mb=SMALL_JOB_MB,
        runtime=growing(60),
    params:
        results=RUN,
        config=config_of_results(),
        manifest=config["manifest"],
        against=config["verify_against"],
    message:
        "Holding every file of the run against its checksum"
    script:
        "../workflow_scripts/provenance/verify.py"
