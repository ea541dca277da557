# The videos: those of the demo, made here, and those of FaceForensics++, fetched.
from workflow_scripts.lib.config import given_server
from workflow_scripts.lib.data.download_paths import check_apart


def demo_video(wildcards):
    """The video, where the workflow makes it itself."""
    video = VIDEOS[wildcards.video]
    return video.path if video.is_demo else []


def receipts_of_downloads(wildcards):
    """A receipt for each video of the manifest that is to lie in the download's folder."""
    folder = config["download"]["folder"]
    videos = [v for v, row in VIDEOS.items() if Path(row.path).is_relative_to(folder)]
    return expand(f"{folder}/receipts/{{video}}.json", video=videos)


def is_download(target):
    """Whether a target is what `snakemake download` makes."""
    receipts = Path(config["download"]["folder"], "receipts")
    return target == "download" or Path(target).is_relative_to(receipts)


def check_downloads(targets):
    """Refuse to download together with other work, without a server, or two rows to one file."""
    given_server(config)
    if not all(is_download(target) for target in targets):
        # nothing would wait for the downloads, and what is not there yet would be missing
        raise UserError(
            "Downloads stand alone: run `snakemake download` first, and then the rest without it."
        )
    check_apart(video.path for video in VIDEOS.values())


rule make_demo_video:
    """Make one clip of the demo."""
    output:
        clip="resources/demo/{video}.mp4",
    log:
        "resources/demo/logs/{video}.log",
    conda:
        "../envs/demo.yaml"
    resources:
        mem_mb=SMALL_JOB_MB,
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
    resources:
        mem_mb=SMALL_JOB_MB,
        runtime=growing(10),
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
        mem_mb=SMALL_JOB_MB,
        runtime=growing(120),
    params:
        path=lambda wildcards: VIDEOS[wildcards.video].path,
    message:
        "Downloading {wildcards.video}"
    script:
        "../workflow_scripts/data/download_video.py"
