# From videos to a few frames each.


# A video of the user's is no input: its time of change may lie in the future, or be older than that
# of the file that it replaces. That it was changed shows in the parameter `stamp`.
rule sample_frames:
    input:
        demo_video,
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
        code_digest("sample_frames"),
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
        "../workflow_scripts/sample_frames.py"
