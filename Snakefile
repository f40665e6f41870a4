"""Predicting coronary CT angiography findings from the resting ECG: the study, stage by stage."""

from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/sources.smk"
include: "workflow/rules/cohort.smk"
include: "workflow/rules/signals.smk"
include: "workflow/rules/foundation.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/prediction.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/guidelines.smk"
include: "workflow/rules/leakage.smk"
include: "workflow/rules/prognosis.smk"
include: "workflow/rules/explanation.smk"
include: "workflow/rules/report.smk"


report: "workflow/report/study.rst"


rule all:
    default_target: True
    input:
        f"results/{STUDY.study}/report/index.html",
        f"results/{STUDY.study}/tracking.json",
        f"results/{STUDY.study}/report_tracking.json",
