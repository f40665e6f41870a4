# make study       install and run the default study, ending with results/default/report/index.html
# make study-full  the same study with all optional analyses (studies/full.yaml)
# make test        install and run the tests
# make audit       show every run of the studies made here: MLflow on 127.0.0.1, port AUDIT_PORT
# make docs        the documentation as a website, in site/
# make check       formatting, lint, types, imports between packages, spelling, and the project's words
PYTHON ?= python3
VENV ?= .venv
CORES ?= all
AUDIT_PORT ?= 5000
BIN := $(VENV)/bin

.PHONY: study study-full test audit docs check clean

study: $(VENV)/study.stamp
	$(BIN)/snakemake --cores $(CORES) --workflow-profile workflow/profiles/default
	@echo "The report: results/default/report/index.html"

study-full: $(VENV)/study.stamp
	$(BIN)/snakemake --cores $(CORES) --workflow-profile workflow/profiles/default --configfile studies/full.yaml
	@echo "The report: results/default/report/index.html"

test: $(VENV)/test.stamp
	$(BIN)/pytest -n 2 --dist loadfile

audit: $(VENV)/study.stamp
	$(BIN)/ecg-ccta audit --port $(AUDIT_PORT)

docs: $(VENV)/test.stamp
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "The documentation: site/index.html"

check: $(VENV)/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell
	$(BIN)/pytest tests/test_words.py

clean:
	rm -rf $(VENV)

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/study.stamp: pyproject.toml envs/constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint envs/constraints.txt --editable .
	touch $@

$(VENV)/test.stamp: $(VENV)/study.stamp
	$(BIN)/python -m pip install --quiet --constraint envs/constraints.txt --editable '.[docs,test]'
	touch $@
