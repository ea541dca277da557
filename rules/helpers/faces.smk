# What the rules of faces.smk ask of the config, the manifest and each other.
from workflow_scripts.lib.common.files import stamp
from workflow_scripts.lib.faces.finished import (
    check_missing,
    has_faces,
    planned_attempt,
    planned_stamp,
)

DETECTOR_ENV = {
    "onnxruntime": "../envs/video.yaml",
    "tensorflow": "../envs/reference.yaml",
}[config["detector"]["backend"]]


def faces_of(video):
    """Where the status of a video's finished faces lies."""
    return Path(RUN, f"faces/{video.video_id}.json")


def stamp_of(video):
    """The stamp that a video is planned with; a demo video is an input."""
    return "demo" if video.is_demo else planned_stamp(video.path, faces_of(video))


def detector_networks(wildcards):
    """The networks' files; the TensorFlow backend brings its own."""
    nets = ("pnet", "rnet", "onet") if config["detector"]["backend"] == "onnxruntime" else ()
    return [f"resources/detector/{net}.onnx" for net in nets]


def check_sampled_videos():
    """Don't sample videos that are away where that replaces faces, or where a disk must be away."""
    videos = {name: row for name, row in VIDEOS.items() if not row.is_demo}
    sampled = {
        job.wildcards.video
        for job in workflow.dag.needrun_jobs()
        if job.rule.name == "sample_frames"
    }
    check_missing(
        {name: row.path for name, row in videos.items() if name in sampled},
        Path(RUN, "faces"),
        len(VIDEOS),
        config["quality"]["max_rejected_fraction"],
    )
    if not any(job.rule.name == "crop_faces" for job in workflow.dag.jobs):
        return
    kept = [row for row in videos.values() if not stamp(row.path) and has_faces(faces_of(row))]
    if kept:
        logger.warning(
            f"{len(kept)} of {len(VIDEOS)} videos are not there, {kept[0].path!r} for example: the "
            "run goes on with the faces that were found before."
        )
