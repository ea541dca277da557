# make demo, make test: each does all of its own set-up. `make` alone lists what there is.
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
UV_INSTALL := $(VENV)/bin/uv pip install --python $(VENV)/bin/python
INSTALL := $(UV_INSTALL) --require-hashes --requirement
COMPILE := uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	--fork-strategy fewest --generate-hashes --no-header --no-annotate

.PHONY: help demo judge test test-all lint bench bench-forest docs pictures lock reference
.NOTPARALLEL:
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/base ## make the demo's videos, run the whole workflow on them, write the report
	@echo "==> Running the workflow on the demo (config/config.yaml)"
	snakemake --quiet host reason
	@echo "==> Writing the report"
	snakemake --quiet host --report results/demo/report.html
	@echo "==> Done. Look at results/demo/report.html. The leaderboard:"
	@python -c 'import pandas; t = pandas.read_csv("results/demo/leaderboard.tsv", sep="\t"); \
		print(t[["protocol", "leak", "experiment", "video_accuracy", "video_roc_auc"]].to_string(index=False))'
	@echo "These videos are made up: the accuracy says nothing about real deepfakes."

# unexpanded, and handed on in the environment: a name may hold what make or the shell take for theirs
override export VIDEO := $(value VIDEO)
OF_DEMO := results/demo/models/identity/spectrum_dct_sparsity/bundle.zip
JUDGE := $(OF_DEMO)
override export JUDGE := $(value JUDGE)
judge: $(VENV)/base ## say whether a video is a deepfake: make judge VIDEO=clip.mp4 [JUDGE=bundle.zip]
	@test -n "$$VIDEO" || { echo "Which video? make judge VIDEO=clip.mp4"; exit 1; }
	@test "$$JUDGE" != $(OF_DEMO) || test -e $(OF_DEMO) || snakemake $(OF_DEMO)
	deepfake judge --model "$$JUDGE" --output verdict -- "$$VIDEO"

TESTS :=
test: $(VENV)/develop ## the quick tests and checks: before each commit
	@echo "==> Running the quick tests"
	python -m pytest --numprocesses auto -m "not slow" $(TESTS)

test-all: $(VENV)/develop $(VENV)/reference ## what `make test` leaves out: all faults, hostile videos, every target and benchmark
	@echo "==> Running the slow tests"
	python -m pytest --numprocesses auto -m slow $(TESTS)

lint: $(VENV)/develop ## only the checks of style and types
	python -m pytest tests/test_lint.py

BENCH :=
bench: $(VENV)/reference ## compare cost with the peers, as ratios in one run (BENCH=--small: only to see that it works)
	python -m tests.benchmarks $(BENCH)

bench-forest: $(VENV)/base ## compare the pixel forest with scikit-learn's at the study's size (4.3 GB of disk, 20 GB of memory)
	python -m tests.benchmarks.bench_forest $(BENCH)

docs: $(VENV)/base ## write the pages of docs/ that follow from schemas and registries
	python -m workflow_scripts.maintenance.make_docs

pictures: $(VENV)/base ## make the pictures of README and docs from the demo (needs graphviz and Chromium)
	python -m workflow_scripts.maintenance.make_pictures

lock: $(VENV)/base ## renew the hash-locked requirements in envs/ from pyproject.toml
	$(COMPILE) --group pyproject.toml:setup --output-file envs/setup.txt
	$(COMPILE) --group pyproject.toml:base --output-file envs/base.txt
	$(COMPILE) --constraints envs/base.txt --group pyproject.toml:reference --output-file envs/reference.txt
	$(COMPILE) --constraints envs/base.txt --constraints envs/reference.txt --group pyproject.toml:develop --output-file envs/develop.txt

reference: $(VENV)/reference ## add TensorFlow, for `backend: tensorflow`

# at once, for those who may not write there later, or whose Python writes no bytecode
COMPILED := --compile-bytecode

# The marks below are set when an environment is whole. Without `base` it is made from the start.
$(VENV)/base: envs/setup.txt envs/base.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; $(PYTHON) is older. Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test ! -e $(VENV) || echo "==> $(VENV) is unfinished or out of date: making it anew"
	@echo "==> Setting up $(VENV) (once; half a minute, and what the downloads take)"
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement envs/setup.txt
	$(INSTALL) envs/base.txt $(COMPILED)
	$(UV_INSTALL) --no-deps --no-build-isolation --editable . $(COMPILED)
	@touch $@

$(VENV)/reference: ADDS := TensorFlow, the detector's reference (600 MB)
$(VENV)/develop: ADDS := the test tools
$(VENV)/develop: BYTECODE := $(COMPILED)# of TensorFlow little is ever imported
$(VENV)/reference $(VENV)/develop: $(VENV)/%: envs/%.txt $(VENV)/base
	@echo "==> Adding $(ADDS)"
	@mv $(VENV)/base $(VENV)/unfinished # until the addition is whole
	$(INSTALL) $< $(BYTECODE)
	@mv $(VENV)/unfinished $(VENV)/base
	@touch $@
