# Functions that faces.smk uses.
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
    """The path of the status of a video's faces."""
    return Path(RUN, f"faces/{video.video_id}.json")


def stamp_of(video):
    """The stamp with which a video is planned; demo videos are inputs and need none."""
    return "demo" if video.is_demo else planned_stamp(video.path, faces_of(video))


def detector_networks(wildcards):
    """The networks' files; the TensorFlow backend has its own."""
    nets = ("pnet", "rnet", "onet") if config["detector"]["backend"] == "onnxruntime" else ()
    return [f"resources/detector/{net}.onnx" for net in nets]


def check_sampled_videos():
    """Refuse to sample missing videos if that would replace faces, or if a disk is missing."""
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
    missing = [row for row in videos.values() if not stamp(row.path) and has_faces(faces_of(row))]
    if missing:
        logger.warning(
            f"{len(missing)} of {len(VIDEOS)} videos are missing, for example {missing[0].path!r}. "
            "The run uses the faces that were detected before."
        )
