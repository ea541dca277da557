# Pictures and pages of the report (`snakemake --report report.html`).


include: "helpers/report.smk"


rule contact_sheet:
    """Lay the strips of several videos of one label below each other."""
    input:
        strips=videos_on_sheet,
    output:
        sheet=report(
            "<results>/figures/contact_sheet_{label}.jpg",
            caption="../report/contact_sheet.rst",
            category="1. Data",
            labels={"picture": "contact sheet", "label": "{label}"},
        ),
    log:
        "<logs>/contact_sheet/{label}.log",
    conda:
        "../envs/report.yaml"
    message:
        "Laying out the contact sheet of {wildcards.label} videos"
    script:
        "../workflow_scripts/report/contact_sheet.py"


if not config["join_runs"]:  # the pictures of the videos are with the parts
    FIGURES += expand(rules.contact_sheet.output, label=("real", "fake"))


rule plot_quality:
    """Show how many videos there are of each class, what was captured, and the table of all videos."""
    input:
        quality="<results>/quality.tsv",
        rates="<results>/capture_rates.tsv",
    output:
        counts=report(
            "<results>/figures/class_counts.png",
            caption="../report/class_counts.rst",
            category="1. Data",
            labels={"picture": "videos per class", "label": "both"},
        ),
        captured=report(
            "<results>/figures/capture_rates.png",
            caption="../report/capture_rates.rst",
            category="1. Data",
            labels={"picture": "capture rates", "label": "both"},
        ),
        page=report(
            "<results>/figures/quality.html",
            caption="../report/quality.rst",
            category="1. Data",
            labels={"picture": "quality of every video", "label": "both"},
        ),
    log:
        "<logs>/plot_quality.log",
    conda:
        "../envs/report.yaml"
    params:
        content_digest(templates("quality")),
        confidence=config["faces"]["confidence"],
    message:
        "Drawing what was captured"
    script:
        "../workflow_scripts/report/plot_quality.py"


FIGURES += rules.plot_quality.output


rule render_leaderboard:
    """Show the leaderboard as a page."""
    input:
        leaderboard="<results>/leaderboard.tsv",
    output:
        page=report(
            "<results>/figures/leaderboard.html",
            caption="../report/leaderboard.rst",
            category="2. Results",
            labels={"picture": "leaderboard", "protocol": "all", "experiment": "all"},
        ),
    log:
        "<logs>/render_leaderboard.log",
    conda:
        "../envs/report.yaml"
    params:
        content_digest(templates("leaderboard")),
        confidence_level=config["evaluation"]["confidence_level"],
        demo=config["report"]["demo"],
    message:
        "Writing the leaderboard's page"
    script:
        "../workflow_scripts/report/render_leaderboard.py"


FIGURES += rules.render_leaderboard.output


rule render_comparisons:
    """Show the paired comparisons as a page."""
    input:
        comparisons="<results>/comparisons.tsv",
    output:
        page=report(
            "<results>/figures/comparisons.html",
            caption="../report/comparisons.rst",
            category="2. Results",
            labels={"picture": "paired comparisons", "protocol": "all", "experiment": "all"},
        ),
    log:
        "<logs>/render_comparisons.log",
    conda:
        "../envs/report.yaml"
    params:
        content_digest(templates("comparisons")),
        confidence_level=config["evaluation"]["confidence_level"],
    message:
        "Writing the page of paired comparisons"
    script:
        "../workflow_scripts/report/render_comparisons.py"


if len(EXPERIMENTS) > 1:
    FIGURES += rules.render_comparisons.output


rule plot_leak_gap:
    """Show how much better each experiment looks where its split leaks."""
    input:
        evaluations=per_experiment("<results>/evaluation/{protocol}/{experiment}.json"),
    output:
        figure=report(
            "<results>/figures/leak_gap.png",
            caption="../report/leak_gap.rst",
            category="2. Results",
            labels={"picture": "leak gap", "protocol": "all", "experiment": "all"},
        ),
    log:
        "<logs>/plot_leak_gap.log",
    conda:
        "../envs/report.yaml"
    message:
        "Drawing what leaks are worth"
    script:
        "../workflow_scripts/report/plot_leak_gap.py"


if len(PROTOCOLS) > 1:
    FIGURES += rules.plot_leak_gap.output


rule plot_learning_curve:
    """Show what the experiments are worth when they have learnt from fewer people."""
    input:
        curve="<results>/learning_curve.tsv",
    output:
        figure=report(
            "<results>/figures/learning_curve.png",
            caption="../report/learning_curve.rst",
            category="2. Results",
            labels={
                "picture": "learning curve",
                "protocol": "identity",
                "experiment": "all",
            },
        ),
    log:
        "<logs>/plot_learning_curve.log",
    conda:
        "../envs/report.yaml"
    params:
        confidence_level=config["evaluation"]["confidence_level"],
    message:
        "Drawing the learning curve"
    script:
        "../workflow_scripts/report/plot_learning_curve.py"


if LEARNING_CURVES:
    FIGURES += rules.plot_learning_curve.output


rule render_literature:
    """Show published figures beside the run's own, and the honest ones beside both."""
    input:
        leaderboard="<results>/leaderboard.tsv",
        curve=rules.plot_learning_curve.output if LEARNING_CURVES else [],
    output:
        page=report(
            "<results>/figures/literature.html",
            caption="../report/literature.rst",
            category="2. Results",
            labels={"picture": "published figures", "protocol": "all", "experiment": "all"},
        ),
    log:
        "<logs>/render_literature.log",
    conda:
        "../envs/report.yaml"
    params:
        content_digest(templates("literature")),
        content_digest(filter(None, [config["report"]["published"]])),
        test_fraction=config["splits"]["test_fraction"],
    message:
        "Writing the page of published figures"
    script:
        "../workflow_scripts/report/render_literature.py"


if config["report"]["published"]:
    FIGURES += rules.render_literature.output


rule plot_curves:
    """Show the ROC and precision-recall curves of all experiments under one protocol."""
    input:
        evaluations=expand(
            "<results>/evaluation/{{protocol}}/{experiment}.json",
            experiment=EXPERIMENTS,
        ),
        predictions=expand(
            "<results>/evaluation/{{protocol}}/{experiment}.videos.tsv",
            experiment=EXPERIMENTS,
        ),
    output:
        figure=report(
            "<results>/figures/{protocol}/curves.png",
            caption="../report/curves.rst",
            category="2. Results",
            labels={
                "picture": "ROC and precision-recall",
                "protocol": "{protocol}",
                "experiment": "all",
            },
        ),
    log:
        "<logs>/plot_curves/{protocol}.log",
    conda:
        "../envs/report.yaml"
    params:
        n_resamples=config["evaluation"]["n_resamples"],
        confidence_level=config["evaluation"]["confidence_level"],
        seed=config["seed"],
    message:
        "Drawing ROC and precision-recall curves, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/report/plot_curves.py"


FIGURES += expand(rules.plot_curves.output, protocol=PROTOCOLS)


rule plot_reliability:
    """Show whether the calibrated probabilities of all experiments under one protocol come true."""
    input:
        evaluations=expand(
            "<results>/evaluation/{{protocol}}/{experiment}.json",
            experiment=EXPERIMENTS,
        ),
        predictions=expand(
            "<results>/evaluation/{{protocol}}/{experiment}.videos.tsv",
            experiment=EXPERIMENTS,
        ),
    output:
        figure=report(
            "<results>/figures/{protocol}/reliability.png",
            caption="../report/reliability.rst",
            category="2. Results",
            labels={"picture": "calibration", "protocol": "{protocol}", "experiment": "all"},
        ),
    log:
        "<logs>/plot_reliability/{protocol}.log",
    conda:
        "../envs/report.yaml"
    message:
        "Drawing how reliable probabilities are, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/report/plot_reliability.py"


FIGURES += expand(rules.plot_reliability.output, protocol=PROTOCOLS)


rule plot_subgroups:
    """Show how well each kind of fake is found under one protocol."""
    input:
        evaluations=expand(
            "<results>/evaluation/{{protocol}}/{experiment}.json",
            experiment=EXPERIMENTS,
        ),
    output:
        figure=report(
            "<results>/figures/{protocol}/subgroups.png",
            caption="../report/subgroups.rst",
            category="2. Results",
            labels={"picture": "kinds of fakes", "protocol": "{protocol}", "experiment": "all"},
        ),
    log:
        "<logs>/plot_subgroups/{protocol}.log",
    conda:
        "../envs/report.yaml"
    message:
        "Drawing how well each kind of fake is found, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/report/plot_subgroups.py"


FIGURES += expand(rules.plot_subgroups.output, protocol=PROTOCOLS)


rule plot_confusion:
    """Show what one experiment got right and wrong."""
    input:
        evaluation="<results>/evaluation/{protocol}/{experiment}.json",
    output:
        figure=report(
            "<results>/figures/{protocol}/{experiment}/confusion.png",
            caption="../report/confusion.rst",
            category="2. Results",
            labels={
                "picture": "confusion matrix",
                "protocol": "{protocol}",
                "experiment": "{experiment}",
            },
        ),
    log:
        "<logs>/plot_confusion/{protocol}/{experiment}.log",
    conda:
        "../envs/report.yaml"
    message:
        "Drawing the confusion matrix of {wildcards.experiment}, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/report/plot_confusion.py"


FIGURES += per_experiment(rules.plot_confusion.output)


rule plot_importance:
    """Show what counts for a model: where in the face it looks, or at which features."""
    input:
        store="<results>/store.json",
        split="<results>/splits/{protocol}.tsv",
        model="<results>/models/{protocol}/{experiment}/model.zip",
        card="<results>/models/{protocol}/{experiment}/model.json",
    output:
        figure=report(
            "<results>/figures/{protocol}/{experiment}/importance.png",
            caption="../report/importance.rst",
            category="3. Evidence",
            labels={
                "picture": "importance",
                "protocol": "{protocol}",
                "experiment": "{experiment}",
            },
        ),
    log:
        "<logs>/plot_importance/{protocol}/{experiment}.log",
    conda:
        "../envs/report.yaml"
    resources:
        runtime=growing(30),
    message:
        "Drawing where {wildcards.experiment} looks, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/report/plot_importance.py"


FIGURES += expand(
    rules.plot_importance.output,
    protocol=PROTOCOLS,
    experiment=[name for name, e in EXPERIMENTS.items() if MODELS[e["model"]].made_of_trees],
)


rule plot_confident_errors:
    """Show the frames about which the experiments under one protocol were surest and wrong."""
    input:
        store="<results>/store.json",
        evaluations=expand(
            "<results>/evaluation/{{protocol}}/{experiment}.json",
            experiment=EXPERIMENTS,
        ),
        predictions=expand(
            "<results>/evaluation/{{protocol}}/{experiment}.frames.tsv",
            experiment=EXPERIMENTS,
        ),
    output:
        figure=report(
            "<results>/figures/{protocol}/confident_errors.png",
            caption="../report/confident_errors.rst",
            category="3. Evidence",
            labels={"picture": "surest mistakes", "protocol": "{protocol}", "experiment": "all"},
        ),
    log:
        "<logs>/plot_confident_errors/{protocol}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=growing(1500),
    message:
        "Drawing the surest mistakes, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/report/plot_confident_errors.py"


FIGURES += expand(rules.plot_confident_errors.output, protocol=PROTOCOLS)


rule plot_cost:
    """Show what each experiment is worth against what it cost."""
    input:
        leaderboard="<results>/leaderboard.tsv",
    output:
        figure=report(
            "<results>/figures/cost.png",
            caption="../report/cost.rst",
            category="4. Cost",
            labels={"picture": "cost against accuracy"},
        ),
    log:
        "<logs>/plot_cost.log",
    conda:
        "../envs/report.yaml"
    message:
        "Drawing cost against accuracy"
    script:
        "../workflow_scripts/report/plot_cost.py"


FIGURES += rules.plot_cost.output


rule plot_run_times:
    """Show what each rule cost."""
    input:
        unpack(lambda wildcards: logs_behind(RESULTS)),
    output:
        figure=report(
            "<results>/figures/run_times.png",
            caption="../report/run_times.rst",
            category="4. Cost",
            labels={"picture": "run times"},
        ),
    log:
        "<logs>/plot_run_times.log",
    conda:
        "../envs/report.yaml"
    message:
        "Drawing what each rule cost"
    script:
        "../workflow_scripts/report/plot_run_times.py"


FIGURES += rules.plot_run_times.output
