# What the run was made from, what it made, and whether that is still so.


rule record_run:
    input:
        unpack(promised),
        networks=[] if config["parts"] else detector_models,
        logs=[log for logs in (COUNTED_LOGS | MINOR_LOGS).values() for log in logs],
    output:
        "<results>/run.json",
    log:
        "<logs>/record_run.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(60),
    params:
        code_digest("provenance/record_run"),
        content_digest([config["manifest"]]),
        content_digest([LOCK]),
        lock=LOCK,
        config=what_results_follow_from(config),
        steps=lambda wildcards: list(promised(wildcards)),
    message:
        "Recording what the run was made from, and what it made"
    script:
        "../workflow_scripts/provenance/record_run.py"


# It asks for no file of the run: that would make anew what it is to find missing.
rule verify:
    log:
        "<logs>/verify.log",
    retries: 0
    localrule: True
    conda:
        "../envs/judging.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(60),
    params:
        results=f"results/{config['run']}",
        config=what_results_follow_from(config),
        manifest=config["manifest"],
        against=config["verify_against"],
    message:
        "Holding every file of the run against its checksum"
    script:
        "../workflow_scripts/provenance/verify.py"
