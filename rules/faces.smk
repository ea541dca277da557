# From videos to a few frames each, and from frames to face crops.
from workflow_scripts.lib.common.files import stamp
from workflow_scripts.lib.faces.finished import (
    check_away,
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
    check_away(
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


# A video of the user's is no input: its time of change may lie in the future, or be older than that
# of the file that it replaces. That it was changed shows in the parameter `stamp`.
rule sample_frames:
    """Take the wanted frames out of one video, or its faces out of the cache."""
    input:
        demo_video,
    output:
        frames=temp("<results>/frames/{video}.npz"),
    log:
        "<logs>/sample_frames/{video}.log",
    conda:
        "../envs/video.yaml"
    resources:
        mem_mb=SMALL_JOB_MB,
        runtime=growing(5),
    params:
        path=lambda wildcards: VIDEOS[wildcards.video].path,
        stamp=lambda wildcards: stamp_of(VIDEOS[wildcards.video]),
        attempt=lambda wildcards: planned_attempt(
            faces_of(VIDEOS[wildcards.video]), config["sampling"]
        ),
        sampling=SAMPLING,
        finished=lambda wildcards: str(faces_of(VIDEOS[wildcards.video])),
    message:
        "Sampling frames of {wildcards.video}"
    script:
        "../workflow_scripts/faces/sample_frames.py"


rule export_detector:
    """Write MTCNN's networks as ONNX files, once for all videos."""
    output:
        networks=expand("resources/detector/{net}.onnx", net=("pnet", "rnet", "onet")),
    log:
        "resources/detector/logs/export_detector.log",
    conda:
        "../envs/video.yaml"
    resources:
        mem_mb=SMALL_JOB_MB,
        runtime=growing(5),
    message:
        "Writing the face detector's networks"
    script:
        "../workflow_scripts/faces/export_detector.py"


rule crop_faces:
    """Find, choose and cut the face in each sampled frame of one video."""
    input:
        frames="<results>/frames/{video}.npz",
        networks=detector_networks,
    output:
        crops="<results>/faces/{video}.npz",
        status="<results>/faces/{video}.json",
        strip="<results>/faces/{video}.jpg",
    log:
        "<logs>/crop_faces/{video}.log",
    # before further videos are sampled, so that the frames that wait on disk stay few
    priority: 1
    conda:
        DETECTOR_ENV
    resources:
        mem_mb=growing(1500),
        runtime=growing(10),
    params:
        detector=config["detector"],
        faces=config["faces"],
    message:
        "Finding faces in {wildcards.video}"
    script:
        "../workflow_scripts/faces/crop_faces.py"
