"""The records' way to MLflow, and the report, which names each figure's run there."""


rule log_study:
    input:
        records=records_of,
    output:
        tracking="results/{study}/tracking.json",
        config="results/{study}/config.json",
    log:
        "results/{study}/logs/log_study/study.log",
    benchmark:
        "results/{study}/benchmarks/log_study/study.tsv"
    group:
        "report_{study}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("log_study"),
        study=lambda wildcards: study_of(wildcards).model_dump(mode="json"),
    message:
        "Sending the records of study {wildcards.study} to MLflow"
    script:
        "../scripts/log_study.py"


rule build_report:
    input:
        records=records_of,
        shown=lambda wildcards: shown_of(study_of(wildcards)),
        control=shown_of_control,
        tracking=tracking_of,
    output:
        page=report("results/{study}/report/index.html", caption="../report/page.rst", category="report"),
        time_used="results/{study}/tables/time_used.csv",
        record="results/{study}/records/build_report/report.json",
    log:
        "results/{study}/logs/build_report/report.log",
    benchmark:
        "results/{study}/benchmarks/build_report/report.tsv"
    group:
        "report_{study}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        library=library_of("build_report"),
        study=lambda wildcards: study_of(wildcards).model_dump(mode="json"),
        control=CONTROL.model_dump(mode="json") if CONTROL else None,
    message:
        "Building the report of study {wildcards.study}"
    script:
        "../scripts/build_report.py"


rule log_report:
    input:
        records=records_of,
        report="results/{study}/records/build_report/report.json",
        tracking="results/{study}/tracking.json",
        config="results/{study}/config.json",
    output:
        tracking="results/{study}/report_tracking.json",
    log:
        "results/{study}/logs/log_report/report.log",
    benchmark:
        "results/{study}/benchmarks/log_report/report.tsv"
    group:
        "report_{study}"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        library=library_of("log_report"),
    message:
        "Sending the report of study {wildcards.study} to MLflow"
    script:
        "../scripts/log_report.py"
