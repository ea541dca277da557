# What the rules of report.smk ask of the config, the manifest and each other.
from workflow_scripts.lib.training.registry import MODELS

VIDEOS_ON_SHEET = 8  # of each label


def videos_on_sheet(wildcards):
    """The strips of some videos of a label, spread evenly over the manifest."""
    videos = [video for video, row in VIDEOS.items() if row.label == wildcards.label]
    shown = min(VIDEOS_ON_SHEET, len(videos))
    chosen = [videos[i * len(videos) // shown] for i in range(shown)]
    return expand("<results>/faces/{video}.jpg", video=chosen)
