# Pictures and pages of the report (`snakemake --report report.html`).


include: "helpers/report.smk"


rule contact_sheet:
    """Stack the strips of several videos of one label into one picture."""
    input:
        strips=videos_on_sheet,
    output:
        sheet=figure("contact_sheet_{label}.jpg", "1. Data", "contact sheet"),
    log:
        "<logs>/contact_sheet/{label}.log",
    conda:
        "../envs/report.yaml"
    message:
        "Laying out the contact sheet of {wildcards.label} videos"
    script:
        "../workflow_scripts/report/contact_sheet.py"


rule plot_quality:
    """Show the videos per class, the capture rates, and the table of all videos."""
    input:
        quality="<results>/quality.tsv",
        rates="<results>/capture_rates.tsv",
    output:
        counts=figure("class_counts.png", "1. Data", "videos per class"),
        captured=figure("capture_rates.png", "1. Data", "capture rates"),
        page=figure("quality.html", "1. Data", "quality of every video"),
    log:
        "<logs>/plot_quality.log",
    conda:
        "../envs/report.yaml"
    params:
        content_digest(templates("quality")),
        confidence=config["faces"]["confidence"],
    message:
        "Drawing the capture rates"
    script:
        "../workflow_scripts/report/plot_quality.py"


rule render_leaderboard:
    """Write the leaderboard as a page."""
    input:
        leaderboard="<results>/leaderboard.tsv",
    output:
        page=figure("leaderboard.html", "2. Results", "leaderboard"),
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


rule render_comparisons:
    """Write the paired comparisons as a page."""
    input:
        comparisons="<results>/comparisons.tsv",
    output:
        page=figure("comparisons.html", "2. Results", "paired comparisons"),
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


rule plot_leak_gap:
    """Compare the results of each experiment under leaky and honest protocols."""
    input:
        evaluations=per_experiment("<results>/evaluation/{protocol}/{experiment}.json"),
    output:
        figure=figure("leak_gap.png", "2. Results", "leak gap"),
    log:
        "<logs>/plot_leak_gap.log",
    conda:
        "../envs/report.yaml"
    message:
        "Drawing the effect of leaks"
    script:
        "../workflow_scripts/report/plot_leak_gap.py"


rule plot_learning_curve:
    """Show how well the experiments do when they were trained on fewer people."""
    input:
        curve="<results>/learning_curve.tsv",
    output:
        figure=figure("learning_curve.png", "2. Results", "learning curve", protocol="identity"),
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


rule render_literature:
    """Write a page of published results beside the run's own."""
    input:
        leaderboard="<results>/leaderboard.tsv",
        curve=rules.plot_learning_curve.output if LEARNING_CURVES else [],
    output:
        page=figure("literature.html", "2. Results", "published figures"),
    log:
        "<logs>/render_literature.log",
    conda:
        "../envs/report.yaml"
    params:
        content_digest(templates("literature")),
        content_digest(filter(None, [config["report"]["published"]])),
        test_fraction=config["splits"]["test_fraction"],
    message:
        "Writing the page of published results"
    script:
        "../workflow_scripts/report/render_literature.py"


rule plot_curves:
    """Show the ROC and precision-recall curves of all experiments under one protocol."""
    input:
        evaluations=all_experiments("<results>/evaluation/{protocol}/{experiment}.json"),
        predictions=all_experiments("<results>/evaluation/{protocol}/{experiment}.videos.tsv"),
    output:
        figure=figure("{protocol}/curves.png", "2. Results", "ROC and precision-recall"),
    log:
        "<logs>/plot_curves/{protocol}.log",
    conda:
        "../envs/report.yaml"
    params:
        bootstrap=BOOTSTRAP,
    message:
        "Drawing ROC and precision-recall curves, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/report/plot_curves.py"


rule plot_reliability:
    """Show the reliability diagrams of all experiments under one protocol."""
    input:
        evaluations=all_experiments("<results>/evaluation/{protocol}/{experiment}.json"),
        predictions=all_experiments("<results>/evaluation/{protocol}/{experiment}.videos.tsv"),
    output:
        figure=figure("{protocol}/reliability.png", "2. Results", "calibration"),
    log:
        "<logs>/plot_reliability/{protocol}.log",
    conda:
        "../envs/report.yaml"
    message:
        "Drawing reliability diagrams, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/report/plot_reliability.py"


rule plot_subgroups:
    """Show the AUC for each kind of fake under one protocol."""
    input:
        evaluations=all_experiments("<results>/evaluation/{protocol}/{experiment}.json"),
    output:
        figure=figure("{protocol}/subgroups.png", "2. Results", "kinds of fakes"),
    log:
        "<logs>/plot_subgroups/{protocol}.log",
    conda:
        "../envs/report.yaml"
    message:
        "Drawing the AUC for each kind of fake, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/report/plot_subgroups.py"


rule plot_confusion:
    """Show the confusion matrices of one experiment."""
    input:
        evaluation="<results>/evaluation/{protocol}/{experiment}.json",
    output:
        figure=figure("{protocol}/{experiment}/confusion.png", "2. Results", "confusion matrix"),
    log:
        "<logs>/plot_confusion/{protocol}/{experiment}.log",
    conda:
        "../envs/report.yaml"
    message:
        "Drawing the confusion matrices of {wildcards.experiment}, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/report/plot_confusion.py"


rule plot_importance:
    """Show the feature importance of a model: of the pixels of a face, or of other features."""
    input:
        store="<results>/store.json",
        split="<results>/splits/{protocol}.tsv",
        model="<results>/models/{protocol}/{experiment}/model.zip",
        card="<results>/models/{protocol}/{experiment}/model.json",
    output:
        figure=figure("{protocol}/{experiment}/importance.png", "3. Evidence", "importance"),
    log:
        "<logs>/plot_importance/{protocol}/{experiment}.log",
    conda:
        "../envs/report.yaml"
    resources:
        runtime=growing(30),
    message:
        "Drawing the feature importance of {wildcards.experiment}, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/report/plot_importance.py"


rule plot_confident_errors:
    """Show the most confident errors of all experiments under one protocol."""
    input:
        store="<results>/store.json",
        evaluations=all_experiments("<results>/evaluation/{protocol}/{experiment}.json"),
        predictions=all_experiments("<results>/evaluation/{protocol}/{experiment}.frames.tsv"),
    output:
        figure=figure("{protocol}/confident_errors.png", "3. Evidence", "most confident errors"),
    log:
        "<logs>/plot_confident_errors/{protocol}.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=growing(1500),
    message:
        "Drawing the most confident errors, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/report/plot_confident_errors.py"


rule plot_cost:
    """Show the accuracy of each experiment against its cost."""
    input:
        leaderboard="<results>/leaderboard.tsv",
    output:
        figure=figure("cost.png", "4. Cost", "cost against accuracy"),
    log:
        "<logs>/plot_cost.log",
    conda:
        "../envs/report.yaml"
    message:
        "Drawing cost against accuracy"
    script:
        "../workflow_scripts/report/plot_cost.py"


rule plot_run_times:
    """Show the CPU time and memory of each rule."""
    input:
        unpack(lambda wildcards: logs_behind(RESULTS)),
    output:
        figure=figure("run_times.png", "4. Cost", "run times"),
    log:
        "<logs>/plot_run_times.log",
    conda:
        "../envs/report.yaml"
    message:
        "Drawing the cost of each rule"
    script:
        "../workflow_scripts/report/plot_run_times.py"


if not config["join_runs"]:  # the joined runs have the contact sheets
    FIGURES += expand(rules.contact_sheet.output, label=("real", "fake"))
FIGURES += rules.plot_quality.output
FIGURES += rules.render_leaderboard.output
if len(EXPERIMENTS) > 1:
    FIGURES += rules.render_comparisons.output
if len(PROTOCOLS) > 1:
    FIGURES += rules.plot_leak_gap.output
if LEARNING_CURVES:
    FIGURES += rules.plot_learning_curve.output
if config["report"]["published"]:
    FIGURES += rules.render_literature.output
FIGURES += expand(rules.plot_curves.output, protocol=PROTOCOLS)
FIGURES += expand(rules.plot_reliability.output, protocol=PROTOCOLS)
FIGURES += expand(rules.plot_subgroups.output, protocol=PROTOCOLS)
FIGURES += per_experiment(rules.plot_confusion.output)
FIGURES += expand(
    rules.plot_importance.output,
    protocol=PROTOCOLS,
    experiment=[name for name, e in EXPERIMENTS.items() if MODELS[e["model"]].made_of_trees],
)
FIGURES += expand(rules.plot_confident_errors.output, protocol=PROTOCOLS)
FIGURES += rules.plot_cost.output
FIGURES += rules.plot_run_times.output
