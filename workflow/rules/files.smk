"""Which files a rule writes and reads, beside those that its patterns name."""


def figure(name, caption=None, category="{site}"):
    """The two files of a figure, `<name>_svg` and `<name>_png`; Snakemake's own report shows the SVG.

    Parameters
    ----------
    name : of the figure of each site; with another category, of the one figure of the study
    caption : file of workflow/report without its suffix; default: the figure's name
    """
    stem = f"results/{{study}}/figures/{name}" + "_{site}" * (category == "{site}")
    kind = {"subcategory": "figures"} if category == "{site}" else {}
    shown = report(f"{stem}.svg", caption=f"../report/{caption or name}.rst", category=category, **kind)
    return {f"{name}_svg": shown, f"{name}_png": f"{stem}.png"}


def figure_of_each_vessel(name, caption=None):
    """The files of a figure of each vessel, `<name>_<vessel>_svg` and `<name>_<vessel>_png`."""
    return {key: path for vessel in VESSELS for key, path in figure(f"{name}_{vessel}", caption or name).items()}


def development(pattern):
    """Function of the wildcards that puts the development site into a file pattern."""
    return lambda wildcards: pattern.format(study=wildcards.study, site=study_of(wildcards).development_site)


def intermediate(pattern):
    """Function of the wildcards that puts the intermediate site into a file pattern."""
    return lambda wildcards: pattern.format(study=wildcards.study, site=intermediate_site_of(wildcards))


def intermediate_site_of(wildcards):
    site = study_of(wildcards).intermediate_site
    if site is None:
        raise ValueError(f"study {wildcards.study} has no site with role: intermediate")
    return site


def every_site(pattern, *conditions):
    """Function of the wildcards that puts every site that meets the conditions into a file pattern."""
    return lambda wildcards: [
        pattern.format(study=wildcards.study, site=site) for site in sites_that(study_of(wildcards), *conditions)
    ]


def every_fold(pattern):
    """Function of the wildcards that puts every fold into a file pattern."""
    return lambda wildcards: [
        pattern.format(**wildcards, fold=fold) for fold in range(study_of(wildcards).training.folds)
    ]


def export_folder(wildcards):
    """Where a site's raw export lies."""
    export = site_of(wildcards).export
    return str(export) if export else f"results/{wildcards.study}/sites/{wildcards.site}"


def generated_of(wildcards):
    """The generated ECGs of a simulated site; none where its beats are parametric."""
    generated = is_generated(study_of(wildcards), wildcards.site)
    return [f"results/{wildcards.study}/generated/{wildcards.site}.npz"] if generated else []


def export_tables(wildcards):
    """What of a raw export Snakemake watches: its tables, or the whole folder where it is simulated."""
    site = site_of(wildcards)
    if site.simulation:
        return export_folder(wildcards)
    return [str(Path(site.export) / name) for name in site.tables.model_dump().values() if name]


def shards_at(wildcards, site, suffix):
    count = study_of(wildcards).sites[site].shards
    return [f"results/{wildcards.study}/signals/{site}/{shard}.{suffix}" for shard in range(count)]


def signals_of(wildcards):
    """Signals of the job's site, or of the development site."""
    return shards_at(wildcards, wildcards.get("site", study_of(wildcards).development_site), "npy")


def shard_tables_of(wildcards):
    return shards_at(wildcards, wildcards.site, "parquet")


def every_signal(wildcards):
    return [path for site in study_of(wildcards).sites for path in shards_at(wildcards, site, "npy")]


def all_measurements_of(wildcards):
    """Measurements of the job's site, or of the development site."""
    study = study_of(wildcards)
    site = wildcards.get("site", study.development_site)
    return [f"results/{study.study}/measurements/{site}/{shard}.parquet" for shard in range(study.sites[site].shards)]


def perturbed_of(wildcards):
    """Perturbed ECGs of the job's site, predicted again."""
    shards = range(site_of(wildcards).shards)
    return [f"results/{wildcards.study}/robustness/{wildcards.site}/{shard}.parquet" for shard in shards]


def measurements_of(wildcards):
    """The measurements that say which ECGs are clinically normal, where that is measured."""
    return all_measurements_of(wildcards) if is_normal_measured(study_of(wildcards)) else []


def splits_if_development(wildcards):
    if is_development(study_of(wildcards), wildcards.site):
        return f"results/{wildcards.study}/splits/{wildcards.site}.parquet"
    return []


# ---- Of single stages


FOUNDATIONS = {study.foundation.name: study.foundation for study in STUDIES.values()}


def foundations_from(source):
    """Pattern of the names of all foundations that have this source; it matches nothing where none has."""
    return "|".join(name for name, found in FOUNDATIONS.items() if getattr(found, source)) or "(?!)"


def foundation_settings(section, **options):
    """Function of the wildcards that gives a section of a foundation's settings as plain values."""
    return lambda wildcards: getattr(FOUNDATIONS[wildcards.foundation], section).model_dump(mode="json", **options)


def foundation_of(wildcards):
    return f"results/foundation/{study_of(wildcards).foundation.name}/checkpoint.pth"


def studied_checkpoint_of(wildcards):
    """The checkpoint that the study's own training starts from."""
    study = study_of(wildcards)
    return f"results/{study.study}/intermediate/checkpoint.pth" if study.intermediate else foundation_of(wildcards)


def checkpoint_of(wildcards):
    """The checkpoint that a training starts from, the intermediate task's where the study has one; or none."""
    return [] if wildcards.start == "random_" else studied_checkpoint_of(wildcards)


def contract_beside(checkpoint):
    """Function of the wildcards that gives what a checkpoint's weights must be fed; training looks for it there."""

    def contract(wildcards):
        found = checkpoint(wildcards)
        return str(Path(found).with_name("contract.json")) if found else []

    return contract


def recipe_of(wildcards):
    """All of the training's settings but those of the machine it runs on."""
    study, training = study_of(wildcards), study_of(wildcards).training
    if wildcards.start == "random_" and study.random_start is None:
        raise ValueError(f"study {wildcards.study} has no section random_start")
    if wildcards.start == "random_":
        training = random_start_settings(training, study.random_start)
    elif wildcards.start == "probe_":
        training = training.model_copy(update={"method": "linear-probe", "probe_start": True})
    return training.model_dump(mode="json", include=set(Recipe.model_fields))


def recipe_of_probe(wildcards):
    """The training's settings that a linear probe and its calibration depend on."""
    names = {"folds", "labels", "class_balance", "minimum_events"}
    return study_of(wildcards).training.model_dump(mode="json", include=names)


def intermediate_recipe_of(wildcards):
    training = study_of(wildcards).intermediate.training
    return training.model_dump(mode="json", include=set(Recipe.model_fields))


def training_threads(wildcards):
    return study_of(wildcards).training.threads


def training_gpus(wildcards):
    """GPUs of one fold's training on all of its nodes; Snakemake on one machine does not count them."""
    return study_of(wildcards).training.gpus * study_of(wildcards).training.nodes


def training_nodes(wildcards):
    return study_of(wildcards).training.nodes


def intermediate_threads(wildcards):
    return study_of(wildcards).intermediate.training.threads


def starts(study):
    """The network's training, and what the main study compares it with: a linear probe, and random weights."""
    compared = [("probe_", has_ladder(study)), ("random_", has_random_start(study))] if in_main(study) else []
    return ["", *(start for start, is_made in compared if is_made)]


def probe_predictions_of(wildcards):
    """Out-of-fold predictions of the linear probe, at the development site: of the study itself where it trains none."""
    study = study_of(wildcards)
    if not is_development(study, wildcards.site):
        return []
    start = "probe_" if has_ladder(study) else ""
    return f"results/{study.study}/{start}predictions/{wildcards.site}.parquet"


def left_out_predictions_of(wildcards):
    """Predictions of each centre by a probe that did not see it, at the development site."""
    if is_development(study_of(wildcards), wildcards.site):
        return f"results/{wildcards.study}/centre_predictions/{wildcards.site}.parquet"
    return []


def resampled_starts(study):
    """The networks' training on patients drawn with replacement; nobody is evaluated by them but for instability."""
    if not (in_main(study) and has_instability(study)):
        return []
    return [f"resampled{number}_" for number in range(1, study.instability.networks + 1)]


def redevelopment_of(wildcards):
    """Number of the draw of patients that a training learns from; 0: they are taken as they are."""
    found = re.fullmatch(r"resampled(\d+)_", wildcards.start)
    return int(found[1]) if found else 0


def redeveloped_models_of(wildcards):
    """Folds of every re-development of the networks, draw by draw."""
    study = study_of(wildcards)
    return [
        f"results/{study.study}/{start}models/fold{fold}"
        for start in resampled_starts(study)
        for fold in range(study.training.folds)
    ]


def redeveloped_predictions_of(wildcards):
    study = study_of(wildcards)
    return [f"results/{study.study}/{start}predictions/{wildcards.site}.parquet" for start in resampled_starts(study)]


def intermediate_trace_of(wildcards):
    """What the intermediate task left, where the study has one."""
    study = study_of(wildcards)
    if study.intermediate is None:
        return []
    task = [f"results/{study.study}/intermediate/{name}" for name in ("flow.json", "contract.json")]
    return [*task, f"results/{study.study}/cohort/{study.intermediate_site}.labels.parquet"]


def waveform_curves_of(wildcards):
    """Mean beats to compare with the truth; the negative control has none."""
    if in_main(study_of(wildcards)):
        return f"results/{wildcards.study}/tables/waveform_curves/{wildcards.site}.csv"
    return []


def audited_sites(wildcards):
    """Role of each site, and how its export is read: the pseudonyms of two sites must not meet."""
    shown = {"role", *Export.model_fields}
    return {name: site.model_dump(mode="json", include=shown) for name, site in study_of(wildcards).sites.items()}


def compared_traces_of(wildcards):
    """Models that the network is compared with, and their predictions: a linear probe's, and from random weights."""
    folder = f"results/{wildcards.study}"
    others = [start for start in starts(study_of(wildcards)) if start]
    models = [path for start in others for path in every_fold(f"{folder}/{start}models/fold{{fold}}")(wildcards)]
    site = study_of(wildcards).development_site
    return [*models, *(f"{folder}/{start}predictions/{site}.parquet" for start in others)]


def shown_of_control(wildcards):
    """What the report of the main study shows of its negative control."""
    if not (CONTROL and in_main(study_of(wildcards))):
        return []
    names = ["leakage", *(f"discrimination/{site}" for site in sites_that(CONTROL, is_analysed, has_findings))]
    return [f"results/{CONTROL.study}/tables/{name}.csv" for name in names]


def tracking_of(wildcards):
    """Where the runs of the study are, and of the negative control that the report shows."""
    studies = [study_of(wildcards)] + [CONTROL] * bool(CONTROL)
    return [f"results/{study.study}/tracking.json" for study in studies]


def subsets(study):
    """Wildcards of each subset of patients."""
    curve = study.learning_curve
    sizes = curve.patients.items() if curve and in_main(study) else ()
    return [{"patients": size, "repeat": repeat} for size, trainings in sizes for repeat in range(trainings)]


def points(study):
    """Wildcards of each training of the curve."""
    return [{"start": start, **subset} for start in starts(study) for subset in subsets(study)]


def predicted_points_of(wildcards):
    study = study_of(wildcards)
    return [
        f"results/{study.study}/learning_curve/{point['start']}{point['patients']}-{point['repeat']}.parquet"
        for point in points(study)
    ]
