# From videos to a few frames each.


rule sample_frames:
    input:
        video=video_file,
        modules=library_modules("sample_frames"),
    output:
        temp("<results>/frames/{video}.npz"),
    log:
        "<logs>/sample_frames/{video}.log",
    conda:
        "../envs/video.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        path=lambda wildcards: VIDEOS[wildcards.video].path,
        sampling=config["sampling"],
    message:
        "Sampling frames of {wildcards.video}"
    script:
        "../workflow_scripts/sample_frames.py"
