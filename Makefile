# Every target installs what it needs first, into .venv in this folder.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
READY := .venv/.installed-for-development
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable

.PHONY: install demo docs package test test-all test-notebooks test-package test-cluster test-machines attack lint bench
.DELETE_ON_ERROR:

install: $(INSTALLED)

# What a user needs on one machine. Made anew when the dependencies change. The stamp is written last, so a broken
# install is tried again.
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Skipwise needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11"; exit 2; }
	@echo "Installing into .venv (once; some gigabytes and a few minutes where torch comes with CUDA) ..."
	$(PYTHON) -m venv .venv
	$(PIP) '.[train,export,timm,explain,formats,serve]'
	@touch $@
	@echo "Skipwise is installed in .venv. Next:"
	@echo "  source .venv/bin/activate                   # then skipwise can be typed without its path"
	@echo "  make demo                                   # four networks on handwritten digits, under 2 minutes on 2 cores"
	@echo "  .venv/bin/skipwise audit path/to/images     # what is in a set of images of your own"
	@echo "  .venv/bin/skipwise compare path/to/images   # which network to use on it"

# Trackers, clusters and object stores as well, and what the tests and the site need.
$(READY): $(INSTALLED)
	$(PIP) '.[all,dev,docs]'
	@touch $@

demo: $(INSTALLED)
	$(BIN)/skipwise compare digits --models resnet18,se_resnet18,mobilenet_v2,plain18 --width 0.25 --stem small --recipe fast --seeds 5
	@echo "To type skipwise without its path: source .venv/bin/activate"

# The site, in site/: every page, every function, a gallery. Any warning and any link that leads nowhere is an error.
docs: $(READY)
	$(BIN)/python -m website.build --output site

# The wheel and the source distribution, in dist/, as they go to an index.
package: $(READY)
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A process per core, with a thread each: torch's threads would wait for each other. Compiled modules are kept, even
# where the shell says otherwise: tests start hundreds of processes.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist worksteal

test: lint
	$(PYTEST) -m "not slow and not cluster"

test-all: lint
	$(PYTEST) -m "not cluster"
	$(MAKE) test-cluster

# Clusters of several nodes on this machine, one after the other, since each takes all cores. `CLUSTER=guarantee` runs
# those tests alone that CI runs.
CLUSTER := cluster

test-cluster: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -m $(CLUSTER)

# The package is built, installed into empty environments, and used there: about four minutes on two cores.
test-package: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -m package

# Runs the notebooks in docs/notebooks, each in a kernel of its own and an empty folder; `test-all` does that, too.
test-notebooks: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/test_notebooks.py

# As on other machines (tests/machines.py names the traits), in an order of its own each time; pytest prints its seed.
MACHINES := bf16-fast,two-cores bf16-slow,one-core,no-compiler,background,bare

test-machines: $(READY)
	@failed=; for machine in $(MACHINES); do \
		echo "As on a machine with $$machine:"; \
		$(BIN)/python -m tests.machines $$machine env $(PYTEST) -m "not slow and not cluster" --random-order || failed="$$failed $$machine"; \
	done; test -z "$$failed" || { echo "Tests failed as on a machine with:$$failed"; exit 1; }

# The long form: at least 200 kills, 1,000 damaged files and 10,000 images and archives where nothing else runs on two
# cores. Each failure is printed with the command that repeats it.
MINUTES := 90
SEED := 0

attack: $(READY)
	$(BIN)/python -m tests.attack --minutes $(MINUTES) --seed $(SEED)

bench: $(READY)
	$(BIN)/python benchmarks/coverage.py --quick
	$(BIN)/python benchmarks/coverage_groups.py --quick
	$(BIN)/python benchmarks/coverage_real.py --quick
	$(BIN)/python benchmarks/coverage_outcomes.py --quick
	$(BIN)/python benchmarks/chance.py --quick
	$(BIN)/python benchmarks/learning_curve.py --quick
	$(BIN)/python benchmarks/spread.py --quick
	$(BIN)/python benchmarks/reaching.py --quick
	$(BIN)/python benchmarks/noninferiority.py --quick
	$(BIN)/python benchmarks/gate.py --quick
	$(BIN)/python benchmarks/cross_validation.py --quick
	$(BIN)/python benchmarks/processes.py --quick
	$(BIN)/python benchmarks/cluster.py --quick
	$(BIN)/python benchmarks/squeeze_excite.py --quick
	$(BIN)/python benchmarks/allocator.py --quick
	$(BIN)/python benchmarks/train_throughput.py --quick
	$(BIN)/python benchmarks/data_feed.py --quick
	$(BIN)/python benchmarks/pack.py --quick
	$(BIN)/python benchmarks/near_duplicates.py --quick
	$(BIN)/python benchmarks/inference.py --quick
	$(BIN)/python benchmarks/advice.py --quick
	$(BIN)/python benchmarks/sizes.py --quick --output $$(mktemp -d)
	$(BIN)/python benchmarks/race.py --quick --tools skipwise,timm,torchvision --out $$(mktemp -d)
