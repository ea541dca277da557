# The record of the run: inputs, outputs and environment; and the check of its files against it.


include: "helpers/provenance.smk"


rule record_run:
    """Record the inputs, outputs and environment of the run."""
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
        runtime=growing(60),
    params:
        content_digest([config["manifest"]]),
        content_digest([LOCK]),
        config=config_of_results(),
    message:
        "Recording inputs, outputs and environment of the run"
    script:
        "../workflow_scripts/provenance/record_run.py"


# The run's files are not inputs: Snakemake would make missing ones instead of reporting them.
rule verify:
    """Compare the files of the run with their checksums, and its record with another one."""
    log:
        "<logs>/verify.log",
    retries: 0
    localrule: True
    conda:
        "../envs/judging.yaml"
    resources:
        runtime=growing(60),
    params:
        results=RUN,
        config=config_of_results(),
        manifest=config["manifest"],
        against=config["verify_against"],
    message:
        "Comparing every file of the run with its checksum"
    script:
        "../workflow_scripts/provenance/verify.py"
