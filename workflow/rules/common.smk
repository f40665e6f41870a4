"""The checked configuration, and the few functions that name files."""

import os
import sys
from pathlib import Path

# The library is found where it lies, so that any environment with the pinned packages can run the study.
SOURCE = str(Path(workflow.basedir) / "src")
sys.path.insert(0, SOURCE)
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [SOURCE, os.getenv("PYTHONPATH")])))

from ecg_ccta.config import studies_or_exit
from ecg_ccta.training.random_start import random_start_settings
from ecg_ccta.vessels import VESSELS

STUDY, CONTROL = studies_or_exit(config, Path(workflow.basedir))
STUDIES = {study.study: study for study in (STUDY, CONTROL) if study}


wildcard_constraints:
    study="|".join(STUDIES),
    site="[a-z0-9-]+",
    shard=r"\d+",
    fold=r"\d+",
    foundation="[a-z0-9-]+",


def study_of(wildcards):
    return STUDIES[wildcards.study]


def site_of(wildcards):
    study = study_of(wildcards)
    if wildcards.site not in study.sites:
        raise ValueError(f"study {wildcards.study} has no site {wildcards.site}; it has {', '.join(study.sites)}")
    return study.sites[wildcards.site]


def settings(section):
    """Function of the wildcards that gives a section of the study's config as plain values."""
    return lambda wildcards: getattr(study_of(wildcards), section).model_dump(mode="json")


def growing(amount):
    """Resource of a job that asks for as much again each time it is tried anew, as a cluster's limits may end it."""
    return lambda wildcards, attempt: amount * attempt


def growing_with_input(megabytes):
    """As `growing`, and room for what is read: signals that fit into the page cache are read from disk only once."""
    return lambda wildcards, input, attempt: attempt * (megabytes + min(int(input.size_mb), MOST_CACHED_MB))


MOST_CACHED_MB = 32_000
"""Beyond this the signals are read from disk again in each epoch rather than asking for a node that is hard to get."""


def training_gpus(wildcards):
    """GPUs of one fold's training on all of its nodes; Snakemake on one machine does not count them."""
    return study_of(wildcards).training.gpus * study_of(wildcards).training.nodes


def training_nodes(wildcards):
    return study_of(wildcards).training.nodes


def seed(wildcards):
    return study_of(wildcards).seed


def site_settings(wildcards):
    """All of a site but what later stages alone look at."""
    return site_of(wildcards).model_dump(mode="json", exclude={"title", "role", "quality"})


def quality_of(wildcards):
    """The site's own limits of signal quality, or the study's."""
    return (site_of(wildcards).quality or study_of(wildcards).quality).model_dump(mode="json")


def title_of(wildcards):
    return site_of(wildcards).title or wildcards.site


def export_folder(wildcards):
    """Where a site's raw export lies."""
    export = site_of(wildcards).export
    return str(export) if export else f"results/{wildcards.study}/sites/{wildcards.site}"


def export_tables(wildcards):
    """What of a raw export Snakemake watches: its tables, or the whole folder where it is simulated."""
    site = site_of(wildcards)
    if site.simulation:
        return export_folder(wildcards)
    return [str(Path(site.export) / name) for name in site.tables.model_dump().values() if name]


def labels_of(wildcards):
    """Columns of a site's ECG index that an intermediate task learns."""
    study = study_of(wildcards)
    return study.intermediate.labels if wildcards.site == study.intermediate_site else []


def shards_of(wildcards, suffix):
    return shards_at(wildcards, wildcards.get("site", study_of(wildcards).development_site), suffix)


def shards_at(wildcards, site, suffix):
    count = study_of(wildcards).sites[site].shards
    return [f"results/{wildcards.study}/signals/{site}/{shard}.{suffix}" for shard in range(count)]


def is_normal_measured(study):
    """Whether the ECGs must be measured to know which are clinically normal."""
    return study.evaluation.normal_ecg == "measured"


def measurements_of(wildcards):
    """The measurements that say which ECGs are clinically normal, where that is measured."""
    return all_measurements_of(wildcards) if is_normal_measured(study_of(wildcards)) else []


def all_measurements_of(wildcards):
    shards = range(study_of(wildcards).sites[wildcards.site].shards)
    return [f"results/{wildcards.study}/measurements/{wildcards.site}/{shard}.parquet" for shard in shards]


def signals_of(wildcards):
    return shards_of(wildcards, "npy")


def shard_tables_of(wildcards):
    return shards_of(wildcards, "parquet")


def foundation_of(wildcards):
    return f"results/foundation/{study_of(wildcards).foundation.name}/checkpoint.pth"


def contract_of(wildcards):
    """What the foundation's weights must be fed; fine-tuning looks for it beside them."""
    return f"results/foundation/{study_of(wildcards).foundation.name}/contract.json"


FOUNDATIONS = {study.foundation.name: study.foundation for study in STUDIES.values()}


def foundations_from(source):
    """Pattern of the names of all foundations that have this source; it matches nothing where none has."""
    return "|".join(name for name, found in FOUNDATIONS.items() if getattr(found, source)) or "(?!)"


def foundation_settings(section, **options):
    """Function of the wildcards that gives a section of a foundation's settings as plain values."""
    return lambda wildcards: getattr(FOUNDATIONS[wildcards.foundation], section).model_dump(mode="json", **options)


def start_of(wildcards):
    """The checkpoint that fine-tuning starts from: that of the intermediate task, where the study has one."""
    if study_of(wildcards).intermediate:
        return f"results/{wildcards.study}/intermediate/checkpoint.pth"
    return foundation_of(wildcards)


def start_contract_of(wildcards):
    return str(Path(start_of(wildcards)).with_name("contract.json"))


def intermediate(pattern):
    """Function of the wildcards that puts the intermediate site into a file pattern."""
    return lambda wildcards: pattern.format(study=wildcards.study, site=intermediate_site_of(wildcards))


def intermediate_site_of(wildcards):
    site = study_of(wildcards).intermediate_site
    if site is None:
        raise ValueError(f"study {wildcards.study} has no site with role: intermediate")
    return site


def intermediate_signals_of(wildcards):
    return shards_at(wildcards, intermediate_site_of(wildcards), "npy")


def analysed_cohorts_of(wildcards):
    """Cohorts of the sites that are learnt from and scored, none of whose patients may teach the intermediate task."""
    return [f"results/{wildcards.study}/cohort/{site}.parquet" for site in analysed_sites(study_of(wildcards))]


def random_start_training_of(wildcards):
    study = study_of(wildcards)
    if study.random_start is None:
        raise ValueError(f"study {wildcards.study} has no section random_start")
    return random_start_settings(study.training, study.random_start).model_dump(mode="json")


def folds_of(wildcards, folder):
    return [f"results/{wildcards.study}/{folder}/fold{fold}" for fold in range(study_of(wildcards).training.folds)]


def models_of(wildcards):
    return folds_of(wildcards, "models")


def random_start_models_of(wildcards):
    return folds_of(wildcards, "random_start/models")


def development(pattern):
    """Function of the wildcards that puts the development site into a file pattern."""
    return lambda wildcards: pattern.format(study=wildcards.study, site=study_of(wildcards).development_site)


def splits_if_development(wildcards):
    if wildcards.site == study_of(wildcards).development_site:
        return f"results/{wildcards.study}/splits/{wildcards.site}.parquet"
    return []


def sites_with(study, table):
    """Sites that have one of the raw tables."""
    return [name for name, site in study.sites.items() if getattr(site.tables, table) is not None]


def analysed_sites(study):
    """All sites but the one of the intermediate task."""
    return [name for name, site in study.sites.items() if site.role != "intermediate"]


def validated_external_sites(study):
    """External sites with CCTA findings."""
    return [site for site in study.external_sites if study.sites[site].tables.ccta is not None]


def validated_external(pattern):
    """Function of the wildcards that puts every external site with CCTA findings into a file pattern."""
    return lambda wildcards: [
        pattern.format(study=wildcards.study, site=site) for site in validated_external_sites(study_of(wildcards))
    ]


def simulated_sites(study):
    return [name for name, site in study.sites.items() if site.simulation]


def every_site(pattern):
    """Function of the wildcards that puts every site of the study into a file pattern."""
    return lambda wildcards: [pattern.format(study=wildcards.study, site=site) for site in study_of(wildcards).sites]


def every_signal(wildcards):
    return [path for site in study_of(wildcards).sites for path in shards_at(wildcards, site, "npy")]


def analysed_predictions_of(wildcards):
    return [f"results/{wildcards.study}/predictions/{site}.parquet" for site in analysed_sites(study_of(wildcards))]


def intermediate_trace_of(wildcards):
    """What the intermediate task left, where the study has one."""
    study = study_of(wildcards)
    if study.intermediate is None:
        return []
    task = [f"results/{study.study}/intermediate/{name}" for name in ("flow.json", "contract.json")]
    return [*task, f"results/{study.study}/cohort/{study.intermediate_site}.labels.parquet"]


def random_start_trace_of(wildcards):
    """Models from random weights and their predictions, where the study makes them."""
    study = study_of(wildcards)
    if study.random_start is None or not is_main(study):
        return []
    return [*random_start_models_of(wildcards), f"results/{study.study}/random_start/predictions.parquet"]


def is_main(study):
    """Whether this is the study asked for rather than its negative control."""
    return study.study == STUDY.study


def jobs_of(study):
    """(rule, wildcard values) of every job of a study whose record is its trace; the report and tracking excepted."""
    name = study.study
    jobs = [("simulate_site", site) for site in simulated_sites(study)]
    for site in study.sites:
        jobs += [("build_cohort", site), ("admit_ecgs", site)]
        jobs += [("clean_signals", f"{site}-{shard}") for shard in range(study.sites[site].shards)]
    jobs += [("finetune_intermediate", "intermediate")] * (study.intermediate is not None)
    jobs += [("split_patients", study.development_site)]
    jobs += [("finetune", f"fold{fold}") for fold in range(study.training.folds)]
    jobs += [("predict", site) for site in analysed_sites(study)]
    for site in sites_with(study, "ccta"):
        jobs += [("validate", site)]
        jobs += [("compare_with_truth", site)] if study.sites[site].simulation else []
        if is_main(study) or (is_normal_measured(study) and study.sites[site].simulation):
            jobs += [("measure_ecgs", f"{site}-{shard}") for shard in range(study.sites[site].shards)]
        if is_main(study):
            jobs += [
                (rule, site)
                for rule in ("analyse_normal_ecg", "analyse_subgroups", "stratify_risk", "analyse_severity")
            ]
            jobs += [(rule, site) for rule in ("evaluate_thresholds", "analyse_decisions")]
            jobs += [("compare_with_guidelines", site), ("compare_waveforms", site), ("explain_logits", site)]
            jobs += [("explain_ecgs", site)]
            if study.sites[site].tables.follow_up is not None:
                jobs += [("accumulate_events", site)]
    # The audit needs the thresholds of a negative control too.
    jobs += [("choose_thresholds", "thresholds"), ("audit_leakage", "leakage")]
    if is_main(study):
        jobs += [("recalibrate", site) for site in validated_external_sites(study)]
        jobs += [("compare_sites", "external")] * bool(validated_external_sites(study))
        jobs += [("attribute_waveforms", study.development_site)]
        jobs += [("plan_sample_size", "sample_size"), ("package_ensemble", "ensemble")]
        if study.random_start:
            jobs += [("finetune_random", f"fold{fold}") for fold in range(study.training.folds)]
            jobs += [("compare_starts", "starts")]
    return jobs


def records_of(wildcards):
    """Records of all jobs before the report; that of the foundation, which a control shares, with the main study's."""
    study = study_of(wildcards)
    own = [f"results/{study.study}/records/{rule}/{job}.json" for rule, job in jobs_of(study)]
    return own + [f"results/foundation/{study.foundation.name}/record.json"] * is_main(study)


def waveform_curves_of(wildcards):
    """Mean beats to compare with the truth; the negative control has none."""
    if is_main(study_of(wildcards)):
        return f"results/{wildcards.study}/tables/waveform_curves_{wildcards.site}.csv"
    return []


def attribution_map_of(wildcards):
    """Attribution maps to compare with the truth; made at the development site of the main study."""
    if is_main(study_of(wildcards)) and wildcards.site == study_of(wildcards).development_site:
        return f"results/{wildcards.study}/tables/attribution_map_{wildcards.site}.csv"
    return []


def control_records(wildcards):
    """What the report of the main study needs of its negative control."""
    if wildcards.study == STUDY.study and CONTROL:
        tables = ("leakage", f"discrimination_{CONTROL.development_site}")
        return [f"results/{CONTROL.study}/tables/{name}.csv" for name in tables]
    return []


def tracking_of(wildcards):
    """Where the runs of the study are, and of the negative control that the report shows."""
    studies = [study_of(wildcards)] + [CONTROL] * bool(CONTROL)
    return [f"results/{study.study}/tracking.json" for study in studies]
