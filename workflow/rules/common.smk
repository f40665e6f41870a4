"""The checked configuration, what files are called, and which jobs a study has."""

import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The folder of the workflow, also where another workflow takes this one in as a module.
WORKFLOW = Path(str(workflow.current_basedir)).resolve().parent
# The library is found where it lies, so that any environment with the pinned packages can run the study.
SOURCE = WORKFLOW.parent / "src"
if SOURCE.is_dir():
    sys.path.insert(0, str(SOURCE))
    os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [str(SOURCE), os.getenv("PYTHONPATH")])))

import ecg_ccta
from ecg_ccta.config import Export, Recipe, studies_or_exit
from ecg_ccta.tracking.library import library_hash
from ecg_ccta.training.random_start import random_start_settings
from ecg_ccta.vessels import VESSELS

STUDY, CONTROL = studies_or_exit(config, Path.cwd(), WORKFLOW.parent)
STUDIES = {study.study: study for study in (STUDY, CONTROL) if study}


wildcard_constraints:
    study="|".join(STUDIES),
    site="[a-z0-9-]+",
    shard=r"\d+",
    fold=r"\d+",
    foundation="[a-z0-9-]+",
    # Of a training: from the foundation (or the intermediate task), from random weights, or on patients drawn.
    start=r"(random_|probe_|resampled\d+_)?",
    patients=r"\d+",
    repeat=r"\d+",


# ---- The studies and their sites


def study_of(wildcards):
    return STUDIES[wildcards.study]


def site_of(wildcards):
    study = study_of(wildcards)
    if wildcards.site not in study.sites:
        raise ValueError(f"study {wildcards.study} has no site {wildcards.site}; it has {', '.join(study.sites)}")
    return study.sites[wildcards.site]


def in_main(study, site=None):
    """Whether this is the study asked for rather than its negative control."""
    return study.study == STUDY.study


def is_analysed(study, site):
    """Whether a site is learnt from or predicted: all are but that of the intermediate task."""
    return study.sites[site].role != "intermediate"


def has_findings(study, site):
    return study.sites[site].tables.ccta is not None


def has_follow_up(study, site):
    return study.sites[site].tables.follow_up is not None


def is_simulated(study, site):
    return study.sites[site].simulation is not None


def is_generated(study, site):
    return is_simulated(study, site) and study.sites[site].simulation.morphology == "learnt"


def is_external(study, site):
    return study.sites[site].role == "external"


def is_development(study, site):
    return site == study.development_site


def is_normal_measured(study):
    """Whether the ECGs must be measured to know which are clinically normal."""
    return study.evaluation.normal_ecg == "measured"


def is_measured(study, site):
    """Whether an analysis of the study reads the measurements of a site."""
    return in_main(study) or (is_normal_measured(study) and is_simulated(study, site))


def has_intermediate(study):
    return study.intermediate is not None


def has_random_start(study):
    return study.random_start is not None


def has_sensitivity(study):
    return study.sensitivity is not None


def has_fairness(study):
    return study.fairness is not None


def has_instability(study):
    return study.instability is not None


def has_abstention(study):
    return study.abstention is not None


def has_robustness(study):
    return study.robustness is not None


def has_shortcut(study):
    return study.shortcut is not None


def has_ladder(study):
    """Whether networks are trained beyond a linear probe, so that the two can be compared."""
    return study.training.method != "linear-probe"


def has_learning_curve(study):
    return study.learning_curve is not None


def has_external_findings(study):
    return bool(sites_that(study, is_external, has_findings))


def sites_that(study, *conditions):
    """The sites of a study that meet every condition, each a function of the study and the site."""
    return [site for site in study.sites if all(meets(study, site) for meets in conditions)]


# ---- Which jobs a study has: each rule says it in the line below it

JOBS = []
"""(rule, function of a study that gives the wildcards of the rule's jobs), in the order of the rules."""


def jobs(rule, wildcards_of):
    """Make a rule's jobs part of the study: they are recorded, sent to MLflow and shown in the report."""
    JOBS.append((rule, wildcards_of))


def each_site(*conditions):
    return lambda study: [{"site": site} for site in sites_that(study, *conditions)]


def each_shard(*conditions):
    return lambda study: [
        {"site": site, "shard": shard}
        for site in sites_that(study, *conditions)
        for shard in range(study.sites[site].shards)
    ]


def each_fold(**others):
    return lambda study: [{"fold": fold, **others} for fold in range(study.training.folds)]


def once(*conditions):
    """One job, where the study meets every condition."""
    return lambda study: [{}] if all(meets(study) for meets in conditions) else []


def where(condition, wildcards_of):
    """These jobs, where the study meets the condition."""
    return lambda study: wildcards_of(study) if condition(study) else []


def outputs_of(study):
    """(rule, name of the output or None, file) of every output of a study's jobs."""
    return [
        (rule, name, str(path).format(study=study.study, **wildcards))
        for rule, wildcards_of in JOBS
        for wildcards in wildcards_of(study)
        for name, path in rule.output._allitems()
    ]


def records_of(wildcards):
    """Records of all jobs before the report; that of the foundation, which a control shares, with the main study's."""
    study = study_of(wildcards)
    own = [path for _, name, path in outputs_of(study) if name == "record"]
    return own + [f"results/foundation/{study.foundation.name}/record.json"] * in_main(study)


def shown_of(study):
    """What the report reads of a study's jobs: tables, figures, flows, and the pages of single ECGs."""
    folders = tuple(f"results/{study.study}/{name}/" for name in ("tables", "figures", "ecgs"))
    found = [path for _, name, path in outputs_of(study) if name != "record"]
    return [
        path for path in found if path.startswith(folders) and not path.endswith(".png") or path.endswith("flow.json")
    ]


def refuse_stalled_arrays():
    """Refuse a Slurm profile that would submit nothing, and say nothing of it.

    The executor holds an array's tasks back until all of them are selected, and each holds one of `jobs` meanwhile.
    With fewer `jobs` than the tasks of all array rules and sites together, every rule may wait for the others' tasks
    (snakemake-executor-plugin-slurm 2.8.0, issue 473).

    Raises
    ------
    WorkflowError
        Before the first job starts.
    """
    named = getattr(workflow.executor_settings, "array_jobs", None)
    if not named:
        return
    names = {name.strip() for name in named.replace(";", ",").split(",")}
    tasks = sum(
        len(wildcards_of(study))
        for study in STUDIES.values()
        for rule, wildcards_of in JOBS
        if rule.rule.name in names or ("all" in names and rule.rule.group is None)
    )
    if workflow.nodes < tasks:
        raise WorkflowError(
            f"jobs is {workflow.nodes}, and the array jobs of this study ({named}) have {tasks} tasks in all: Slurm's "
            f"executor would wait for them for ever. Fix: set jobs to at least {tasks} in the profile's config.yaml "
            "(--jobs), lower the sites' shards, or delete slurm-array-jobs."
        )


# ---- Settings that a rule depends on


def library_of(rule):
    """Hash of the code that a rule's script runs: where that changes, the rule's jobs are done again."""
    return library_hash(WORKFLOW / "scripts" / f"{rule}.py", Path(ecg_ccta.__file__).resolve().parents[1])


def leaves(section, *names):
    """Function of the wildcards that gives the named settings of a section of the study's config as plain values.

    None where the study has no such section, and so no job that reads it.
    """

    def settings(wildcards):
        found = getattr(study_of(wildcards), section)
        return None if found is None else found.model_dump(mode="json", include=set(names))

    return settings


ESTIMATES = ("level", "bootstrap_replicates", "minimum_events")
"""Settings that every table of estimates depends on."""


def seed(wildcards):
    return study_of(wildcards).seed


def export_of(wildcards):
    """How a site's export is read."""
    return site_of(wildcards).model_dump(mode="json", include=set(Export.model_fields))


def quality_of(wildcards):
    """The site's own limits of signal quality, or the study's."""
    return (site_of(wildcards).quality or study_of(wildcards).quality).model_dump(mode="json")


def title_of(wildcards):
    return site_of(wildcards).title or wildcards.site


def architecture_of(wildcards):
    return study_of(wildcards).foundation.architecture.model_dump(mode="json")


def labels_of(wildcards):
    """Columns of a site's ECG index that an intermediate task learns."""
    study = study_of(wildcards)
    return study.intermediate.labels if wildcards.site == study.intermediate_site else []


# ---- Resources: settings of the machine, which change results by rounding alone


def growing(amount):
    """Resource of a job that asks for as much again each time it is tried again, as a cluster's limits may end it."""
    return lambda wildcards, attempt: amount * attempt


def growing_with_input(megabytes):
    """As `growing`, and room for what is read: signals that fit into the page cache are read from disk only once."""
    return lambda wildcards, input, attempt: attempt * (megabytes + min(int(input.size_mb), MOST_CACHED_MB))


MOST_CACHED_MB = 32_000
"""Beyond this the signals are read from disk again in each epoch rather than asking for a node that is hard to get."""
