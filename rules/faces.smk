# From frames to face crops.


rule export_detector:
    output:
        "resources/detector/pnet.onnx",
        "resources/detector/rnet.onnx",
        "resources/detector/onet.onnx",
    log:
        "resources/detector/logs/export_detector.log",
    conda:
        "../envs/video.yaml"
    resources:
        mem_mb=growing(800),
        runtime=growing(5),
    params:
        code_digest("export_detector"),
    message:
        "Writing the face detector's networks"
    script:
        "../workflow_scripts/export_detector.py"


rule crop_faces:
    input:
        frames="<results>/frames/{video}.npz",
        detector=detector_models,
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
        code_digest("crop_faces"),
        models="resources/detector",
        detector=config["detector"],
        faces=config["faces"],
    message:
        "Finding faces in {wildcards.video}"
    script:
        "../workflow_scripts/crop_faces.py"
