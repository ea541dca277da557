# What the rules of features.smk ask of the config, the manifest and each other.
VIDEOS_PER_PART = 100  # of which one job computes the features


def feature_parts(wildcards):
    """The parts in which a feature set is computed."""
    parts = range(-(-len(VIDEOS) // VIDEOS_PER_PART))
    return expand("<results>/features/{{features}}/{part}.npy", part=parts)
