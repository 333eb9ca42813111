# Everything runs in .venv, which the first target that needs it makes.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP = $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check --quiet
BENCH_PIP = $(subst $(BIN),$(BENCH)/bin,$(PIP))
STAMP := $(VENV)/.installed
BACKENDS := $(VENV)/.backends-installed
BENCH := .venv-bench
TYPED := build/typed

# TensorFlow writes its start-up messages to stderr before Python can stop them. Its log level does
# not hold back the one about oneDNN: only switching oneDNN off does. For models this small that
# costs no time.
export TF_CPP_MIN_LOG_LEVEL := 3
export TF_ENABLE_ONEDNN_OPTS := 0
export KERAS_BACKEND ?= tensorflow

.DEFAULT_GOAL := help
.PHONY: help demo test backends lint docs typed bench compat wheel clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(STAMP) ## search an MLP for the digits data; ARGS="--help" shows the options
	@$(BIN)/python examples/quickstart.py $(ARGS)

test: $(STAMP) ## run the tests; ARGS go to pytest
	@$(BIN)/python -m pytest -n 3 --dist worksteal --ignore=tests/compat $(ARGS)

backends: $(BACKENDS) ## install JAX and PyTorch beside: `make test` then runs their cases, too

lint: $(STAMP) typed ## check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@cd $(TYPED) && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml \
		--cache-dir $(CURDIR)/.mypy_cache -p kt_extensions

docs: $(STAMP) typed ## build the documentation in site/, strictly
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The layout as installed, builders/ inside kt_extensions/, for those that do not import it.
typed:
	@rm -rf $(TYPED) && mkdir -p $(TYPED)/kt_extensions
	@ln -s $(CURDIR)/kt_extensions/* $(CURDIR)/builders $(TYPED)/kt_extensions

bench: $(STAMP) $(BENCH)/.installed ## measure time and quality of searches; ARGS=--quick is a try
	@$(BIN)/python -m benchmarks.imports $(ARGS)
	@$(BIN)/python -m benchmarks.overhead $(ARGS)
	@$(BIN)/python -m benchmarks.multifidelity $(ARGS)
	@$(BIN)/python -m benchmarks.scaling $(ARGS)
	@$(BENCH)/bin/python -m benchmarks.quality $(ARGS)

compat: $(STAMP) ## run a smoke suite with older and newer packages; ARGS="lowest" is one row
	@$(BIN)/python -m tests.compat $(ARGS)

wheel: $(STAMP) ## build the wheel and the sdist in dist/
	@$(BIN)/python -m build --no-isolation --outdir dist .

clean: ## remove what make made
	rm -rf $(VENV) $(BENCH) .venv-compat build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The environment brings its own pip and setuptools, pinned like the rest; with these the project
# is built without a second, unpinned environment.
$(STAMP): pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (once; about a minute)"
	@$(PYTHON) -m venv --without-pip $(VENV)
	@$(PIP) install -c constraints.txt pip setuptools
	@$(PIP) install -c constraints.txt --no-build-isolation -e '.[cpu,plots,test,dev,docs]'
	@touch $@

$(BACKENDS): $(STAMP)
	@echo "Installing JAX and PyTorch into $(VENV) (once; some minutes)"
	@$(PIP) install -c constraints.txt --no-build-isolation -e '.[backends]'
	@touch $@

# Searches of other packages, some of which need an older NumPy.
$(BENCH)/.installed: pyproject.toml benchmarks/constraints.txt
	@echo "Installing into $(BENCH) (once; some minutes)"
	@$(PYTHON) -m venv --without-pip $(BENCH)
	@$(BENCH_PIP) install -c benchmarks/constraints.txt pip setuptools
	@$(BENCH_PIP) install -c benchmarks/constraints.txt --no-build-isolation -e '.[bench]'
	@touch $@
