# make demo and make test need python3, a C compiler and make; the rest comes by itself.
# PYTHON chooses the interpreter, VENV the virtual environment's directory; PYPY= leaves PyPy out of make bench.
# EXTRAS="test libraries" brings what some tests skip without.

PYTHON ?= python3
VENV ?= .venv
EXTRAS ?= test
PYPY ?= $(shell command -v pypy3)
BOOTSTRAP = $(PYTHON) vendor/bootstrap.py --venv $(VENV)
RUN = $(VENV)/bin/python

.PHONY: help demo test fuzz churn faults conformance asan valgrind bench build lint types check wheel sdist vendored clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12

demo: build  ## build, and run the main job
	$(RUN) -m libevent_py demo

test:  ## build, and run the whole suite (ARGS= goes to pytest)
	@$(BOOTSTRAP) $(addprefix --extra ,$(EXTRAS))
	$(RUN) -m pytest $(ARGS)

bench:  ## build, and compare with C programs, uvloop and asyncio, on PyPy too (ARGS= goes to benchmarks/run.py)
	@$(BOOTSTRAP) --extra bench || { $(BOOTSTRAP) && echo "going on without uvloop"; }
	@$(if $(PYPY),$(PYPY) vendor/bootstrap.py --venv .venv-pypy || echo "going on without PyPy")
	$(RUN) benchmarks/run.py --python $(RUN) $(if $(PYPY),--python .venv-pypy/bin/python) $(ARGS)

fuzz: build  ## random calls of the whole API (SECONDS=60, or CALLS=; SEED= of the first program; ARGS=)
	$(RUN) tests/fuzz $(if $(CALLS),--calls $(CALLS),--seconds $(or $(SECONDS),60)) $(if $(SEED),--seed $(SEED)) $(ARGS)

churn: build  ## a million timers, 200,000 connections… and nothing left (ARGS= a name, or --scale)
	$(RUN) tests/churn $(ARGS)

faults: build  ## each allocation of libevent's fails in turn (ARGS= scenarios, or --every)
	$(RUN) tests/faults $(ARGS)

build:  ## the virtual environment with the package built into it
	@$(BOOTSTRAP)

vendored:  ## the same, with libevent's source fetched and built into the extension
	@LIBEVENT_PY_LIBEVENT=vendored $(BOOTSTRAP)

lint:  ## ruff
	@$(BOOTSTRAP) --extra lint
	$(RUN) -m ruff check .

types:  ## mypy --strict
	@$(BOOTSTRAP) --extra lint
	$(RUN) -m mypy

check: lint types  ## both

conformance: build  ## CPython's own asyncio tests with our loop (ARGS= goes to tests/conformance)
	$(RUN) tests/conformance $(ARGS)

asan:  ## the suite under AddressSanitizer and UndefinedBehaviorSanitizer (ARGS= goes to pytest)
	$(PYTHON) tests/instrumented/run.py asan $(ARGS)

valgrind:  ## what exercises the C glue, under valgrind (ARGS= goes to pytest)
	$(PYTHON) tests/instrumented/run.py valgrind $(ARGS)

wheel:  ## dist/*.whl
	@$(BOOTSTRAP)
	$(RUN) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

sdist:  ## dist/*.tar.gz
	@$(BOOTSTRAP)
	$(RUN) setup.py --quiet sdist

clean:  ## remove all that make made, the virtual environment and fetched sources too
	rm -rf build dist *.egg-info libevent_py/*.so $(VENV) .venv-pypy .venv-asan .venv-valgrind .pytest_cache .mypy_cache .ruff_cache .hypothesis
