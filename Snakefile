# From videos to an evaluated deepfake classifier. One stage per file in rules/.
from snakemake.utils import min_version

from workflow_scripts.lib.common.code_files import with_code

min_version("9.27")


# A user's config file is complete in itself: keys that it omits take the documented defaults, not
# the demo's values.
if not workflow.overwrite_configfiles:

    configfile: with_code("config/config.yaml")


include: "rules/common.smk"


pathvars:
    results=RUN,
    logs=f"{RUN}/logs",


wildcard_constraints:
    video="[A-Za-z0-9][A-Za-z0-9_-]*",
    experiment="[A-Za-z0-9][A-Za-z0-9_-]*",
    protocol="identity|video|frame|official",
    other="[A-Za-z0-9][A-Za-z0-9_-]*",
    label="real|fake",
    features=r"[a-z]+(-\d+)?",
    settings="[0-9a-f]{10}",
    fold=r"\d+|oob",
    part=r"\d+",
    halvings=r"\d+",
    repeat=r"\d+",


report: "report/workflow.rst"


include: "rules/data.smk"
include: "rules/faces.smk"
include: "rules/store.smk"
include: "rules/features.smk"
include: "rules/training.smk"
include: "rules/evaluation.smk"
include: "rules/report.smk"
include: "rules/verdicts.smk"
include: "rules/provenance.smk"


complete_rules()


# Unlike Snakemake's own lock (disabled in the profiles), this one ends with its process: a killed
# run restarts without --unlock.
onstart:
    start_run()


onsuccess:
    end_run()


rule all:
    """Everything: tables, models, figures, and the record of the run."""
    default_target: True
    input:
        RESULTS,
        FIGURES,
        rules.record_run.output,


rule bundles:
    """A bundle of each model, to judge videos with."""
    input:
        per_experiment(rules.bundle_model.output),
