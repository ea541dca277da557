# Functions that features.smk uses.
VIDEOS_PER_PART = 100  # processed by one job


def feature_parts(wildcards):
    """The parts of a feature set, each computed by one job."""
    parts = range(-(-len(VIDEOS) // VIDEOS_PER_PART))
    return expand("<results>/features/{{features}}/{part}.npy", part=parts)
