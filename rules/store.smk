# The quality table and the store, made from the run's own crops or, with `join_runs`, from those of
# other runs.
if config["join_runs"]:

    rule join_stores:
        """Join the stores of finished runs over different videos into one, for training."""
        input:
            expand("{other}/quality.tsv", other=config["join_runs"]),
            stores=expand("{other}/store.json", other=config["join_runs"]),
        output:
            quality="<results>/quality.tsv",
            rates="<results>/capture_rates.tsv",
            manifest_copy="<results>/manifest.tsv",
            store="<results>/store.json",
        log:
            "<logs>/join_stores.log",
        conda:
            "../envs/learning.yaml"
        resources:
            runtime=growing(120),
        params:
            content_digest([config["manifest"]]),
        message:
            "Joining the stores of other runs"
        script:
            "../workflow_scripts/store/join_stores.py"

else:

    rule quality_table:
        """Write the status of every video to one table, and the capture rate of each label."""
        input:
            statuses=per_video("<results>/faces/{video}.json"),
        output:
            quality="<results>/quality.tsv",
            rates="<results>/capture_rates.tsv",
            manifest_copy="<results>/manifest.tsv",
        log:
            "<logs>/quality_table.log",
        conda:
            "../envs/learning.yaml"
        resources:
            runtime=growing(30),
        params:
            content_digest([config["manifest"]]),
            frames=config["sampling"]["frames"],
        message:
            "Listing the status of each video"
        script:
            "../workflow_scripts/store/quality_table.py"

    rule build_store:
        """Write the crops of all videos to the run's Zarr store."""
        input:
            quality="<results>/quality.tsv",
            crops=per_video("<results>/faces/{video}.npz"),
        output:
            store="<results>/store.json",
        log:
            "<logs>/build_store.log",
        conda:
            "../envs/learning.yaml"
        resources:
            runtime=growing(120),
        params:
            content_digest([config["manifest"]]),
            made_with={
                "sampling": SAMPLING,
                **{key: config[key] for key in ("detector", "faces")},
            },
        message:
            "Building the store of all crops"
        script:
            "../workflow_scripts/store/build_store.py"


RESULTS += rules.join_stores.output if config["join_runs"] else rules.quality_table.output
