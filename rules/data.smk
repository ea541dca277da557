# The videos: those of the demo, made here, and those of FaceForensics++, fetched.


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
        "Making the demo's video {wildcards.video}"
    script:
        "../workflow_scripts/data/make_demo_video.py"


rule download:
    """Check that all that was downloaded is still there."""
    input:
        receipts=receipts_of_downloads,
    log:
        "<logs>/download.log",
    localrule: True
    conda:
        "../envs/download.yaml"
    message:
        "Looking whether all downloads are there"
    script:
        "../workflow_scripts/data/download.py"


# A receipt is its output, not the video: Snakemake deletes outputs before it runs a job again, and
# an edited script must not cost a download.
rule download_video:
    """Fetch one video of the manifest from the data set's server."""
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
