# The demo's videos: made here, from a portrait in the public domain.


rule make_demo_video:
    output:
        "resources/demo/{video}.mp4",
    log:
        "resources/demo/logs/{video}.log",
    conda:
        "../envs/demo.yaml"
    resources:
        mem_mb=growing(800),
        runtime=growing(5),
    params:
        code_digest("make_demo_video"),
    message:
        "Making the demo's video {wildcards.video}"
    script:
        "../workflow_scripts/make_demo_video.py"
