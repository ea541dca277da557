# Functions that data.smk uses.
from workflow_scripts.lib.config import require_server
from workflow_scripts.lib.data.download_paths import check_unique_paths


def demo_video(wildcards):
    """The video, if the workflow makes it."""
    video = VIDEOS[wildcards.video]
    return video.path if video.is_demo else []


def receipts_of_downloads(wildcards):
    """A receipt for each video of the manifest inside the download folder."""
    folder = config["download"]["folder"]
    videos = [v for v, row in VIDEOS.items() if Path(row.path).is_relative_to(folder)]
    return expand(f"{folder}/receipts/{{video}}.json", video=videos)


def is_download(target):
    """Whether a target is `download` or a receipt."""
    receipts = Path(config["download"]["folder"], "receipts")
    return target == "download" or Path(target).is_relative_to(receipts)


def check_downloads(targets):
    """Refuse to download together with other work, without a server, or two rows to one file."""
    require_server(config)
    if not all(is_download(target) for target in targets):
        # other jobs would not wait for the downloads
        raise UserError(
            "Downloads cannot be combined with other targets. Run `snakemake download` first, and "
            "the other targets after it."
        )
    check_unique_paths(video.path for video in VIDEOS.values())
