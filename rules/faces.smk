# From videos to a few frames each, and from frames to face crops.


include: "helpers/faces.smk"


# A user's video is not an input: its modification time may lie in the future, or before that of the
# file that it replaces. The parameter `stamp` detects changes instead.
rule sample_frames:
    """Sample the frames of one video, or copy its face crops from the cache."""
    input:
        demo_video,
    output:
        frames=temp("<results>/frames/{video}.npz"),
    log:
        "<logs>/sample_frames/{video}.log",
    conda:
        "../envs/video.yaml"
    resources:
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
    """Export MTCNN's networks as ONNX files, once for all videos."""
    output:
        networks=expand("resources/detector/{net}.onnx", net=("pnet", "rnet", "onet")),
    log:
        "resources/detector/logs/export_detector.log",
    conda:
        "../envs/video.yaml"
    resources:
        runtime=growing(5),
    message:
        "Exporting the face detector's networks"
    script:
        "../workflow_scripts/faces/export_detector.py"


rule crop_faces:
    """Find, select and crop the face in each sampled frame of one video."""
    input:
        frames="<results>/frames/{video}.npz",
        networks=detector_networks,
    output:
        crops="<results>/faces/{video}.npz",
        status="<results>/faces/{video}.json",
        strip="<results>/faces/{video}.jpg",
    log:
        "<logs>/crop_faces/{video}.log",
    # before sampling further videos, so that few frames wait on disk
    priority: 1
    conda:
        DETECTOR_ENV
    resources:
        mem_mb=growing(1500),
    params:
        detector=config["detector"],
        faces=config["faces"],
    message:
        "Detecting faces in {wildcards.video}"
    script:
        "../workflow_scripts/faces/crop_faces.py"
