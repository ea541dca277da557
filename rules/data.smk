# The videos: the demo's are synthesised, those of FaceForensics++ are downloaded.


include: "helpers/data.smk"


rule make_demo_video:
    """Make one clip of the demo."""
    output:
        clip="resources/demo/{video}.mp4",
    log:
        "resources/demo/logs/{video}.log",
    conda:
        "../envs/demo.yaml"
    resources:
        runtime=growing(5),
    message:
        "Making the demo video {wildcards.video}"
    script:
        "../workflow_scripts/data/make_demo_video.py"


rule download:
    """Check that all downloaded videos still exist."""
    input:
        receipts=receipts_of_downloads,
    log:
        "<logs>/download.log",
    localrule: True
    conda:
        "../envs/download.yaml"
    message:
        "Checking that all downloads exist"
    script:
        "../workflow_scripts/data/download.py"


# The output is a receipt, not the video: Snakemake deletes the outputs of a job that it repeats,
# and an edited script must not cost a download.
rule download_video:
    """Download one video of the manifest."""
    output:
        receipt=f"{config['download']['folder']}/receipts/{{video}}.json",
    log:
        "<logs>/download_video/{video}.log",
    localrule: True
    conda:
        "../envs/download.yaml"
    resources:
        downloads=1,
        runtime=growing(120),
    params:
        path=lambda wildcards: VIDEOS[wildcards.video].path,
    message:
        "Downloading {wildcards.video}"
    script:
        "../workflow_scripts/data/download_video.py"
