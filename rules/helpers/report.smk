# Functions that the rules of report.smk use.
from workflow_scripts.lib.training.registry import MODELS

VIDEOS_ON_SHEET = 8  # of each label


def videos_on_sheet(wildcards):
    """The strips of some videos of a label, spread evenly over the manifest."""
    videos = [video for video, row in VIDEOS.items() if row.label == wildcards.label]
    n = min(VIDEOS_ON_SHEET, len(videos))
    spread = [videos[i * len(videos) // n] for i in range(n)]
    return expand("<results>/faces/{video}.jpg", video=spread)
