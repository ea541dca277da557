# What the run was made from, what it made, and whether that is still so.


include: "helpers/provenance.smk"


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
