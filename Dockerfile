# The study's software, with the versions of envs/constraints.txt, for Docker and Apptainer (docs/cluster.md).
# The image is only read: whoever runs it works in a folder of their own.
FROM python:3.11-slim

# git names the commit of a study that is itself under version control; without it records say none.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/ecg-ccta
COPY pyproject.toml README.md LICENSE ./
COPY envs envs
COPY src src
RUN pip install --no-cache-dir --constraint envs/constraints.txt .
COPY Snakefile config.yaml ./
COPY studies studies
COPY workflow workflow

# Any user may run it, also one without a home: caches go where everybody may write. Apptainer brings the user's home.
ENV HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65534:65534
WORKDIR /study
ENTRYPOINT ["snakemake", "--snakefile", "/opt/ecg-ccta/Snakefile"]
CMD ["--cores", "all"]
