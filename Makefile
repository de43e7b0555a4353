# Run with bash, so that a failure inside a pipe is a failure.
SHELL := /bin/bash -o pipefail
PYTHON ?= python3.11
VENV := .venv
READY := $(VENV)/.ready
PY := $(VENV)/bin/python
.DEFAULT_GOAL := help
.PHONY: help demo app bench test test-all lint format clean-demo

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --upgrade "pip>=24"
	$(VENV)/bin/pip install --quiet --editable ".[dev]"
	touch $(READY)

demo: $(READY)  ## prepare a real clip, train both stages, export, evaluate, animate: outputs/demo
	$(PY) -m scripts.demo

# The demo's pipeline; before `make demo` its starting point: stage 1 alone, in a minute.
APP := outputs/app
APP_PIPELINE = $(firstword $(wildcard outputs/demo/pipeline) $(APP)/pipeline)
$(APP)/pipeline: | $(READY)
	$(PY) -m scripts.prepare_celebvhq_hdtf raw=demo output=$(APP)/data size=128 fps=null split_by=time holdout=0.2 crf=8
	$(PY) train.py experiment=demo stage=appearance data.folder=$(APP)/data run_dir=$(APP)/appearance \
		schedule.appearance.max_steps=1 callbacks.samples.at_start=false
	$(PY) -m scripts.export_pipeline checkpoint=$(APP)/appearance/checkpoints/last.ckpt output=$@

app: $(READY) $(if $(wildcard outputs/demo/pipeline),,$(APP)/pipeline)  ## the platform on http://127.0.0.1:7860, with the demo's model
	$(PY) -m faceanim.app pipeline=$(APP_PIPELINE) photo=demo

# What a CPU can time in minutes, each figure beside the plain way; the others need a GPU, a pipeline or extras.
BENCH := outputs/benchmarks
$(BENCH)/data/index.parquet: | $(READY)
	$(PY) -m scripts.prepare_celebvhq_hdtf raw=demo output=$(BENCH)/data size=256 fps=null split_by=time holdout=0.2

bench: $(READY) $(BENCH)/data/index.parquet  ## speed and memory on this CPU, each figure as a ratio: benchmarks/README.md
	$(PY) -m benchmarks.prepare raw=demo size=256
	$(PY) -m benchmarks.data prepared=$(BENCH)/data raw=demo
	$(PY) -m benchmarks.train_step steps=5
	$(PY) -m benchmarks.train_step stage=temporal steps=5
	$(PY) -m benchmarks.inference presets={} plain.frames=24 plain.repeats=1
	$(PY) -m benchmarks.inference_memory

test: $(READY)  ## the test suite
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist worksteal -m "not slow and not gpu"

test-all: $(READY)  ## the test suite with what takes minutes, and what needs a GPU if there is one
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist worksteal

lint: $(READY)  ## ruff: style and format
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

format: $(READY)  ## ruff: mend what can be mended
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean-demo:  ## forget the demo's results, so that the next `make demo` starts anew
	rm -rf outputs/demo
