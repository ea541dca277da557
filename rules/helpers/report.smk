# Functions and values that report.smk uses.
VIDEOS_ON_SHEET = 8  # per label
# The labels of a category's figures in the report, where the file name has no such wildcard
REPORT_LABELS = {
    "1. Data": {"label": "both"},
    "2. Results": {"protocol": "all", "experiment": "all"},
    "3. Evidence": {"protocol": "all", "experiment": "all"},
    "4. Cost": {},
}


def figure(file, category, picture, **labels):
    """A figure or page of the report; report/*.rst has a caption of the same name."""
    defaults = REPORT_LABELS[category] | labels
    from_wildcards = {key: f"{{{key}}}" for key in defaults if f"{{{key}}}" in file}
    return report(
        f"<results>/figures/{file}",
        caption=f"../report/{Path(file).stem.removesuffix('_{label}')}.rst",
        category=category,
        labels={"picture": picture, **defaults, **from_wildcards},
    )


def all_experiments(pattern):
    """`pattern` for each experiment; its other wildcards stay."""
    return expand(pattern, experiment=EXPERIMENTS, allow_missing=True)


def videos_on_sheet(wildcards):
    """The strips of some videos of a label, evenly spaced in the manifest."""
    videos = [video for video, row in VIDEOS.items() if row.label == wildcards.label]
    count = min(VIDEOS_ON_SHEET, len(videos))
    sample = [videos[i * len(videos) // count] for i in range(count)]
    return expand("<results>/faces/{video}.jpg", video=sample)
