# Two commands, each of which does its own set-up in a fresh checkout:
#   make dogs   paints 100 dogs into out/100_dogs
#   make test   runs all checks and tests
# and one for another Python, without torch:
#   make test-light PYTHON=python3.13 VENV=/tmp/light
# Both take another Python (make dogs PYTHON=python3.12) and another environment (make test VENV=/tmp/venv).
# And, for those who change the pages of the package, one that needs Node.js:
#   make web    builds them from web/ into layoutgen/*/static

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT := out/100_dogs

.PHONY: dogs test test-light test-lowest web

# The picture is made once: a second `make dogs` leaves it alone, also when the package has changed since.
dogs: $(OUT)/annotations.json
	@echo "100 dogs are in $(OUT)/images, with their boxes in $(OUT)/overlays."
	@echo "To paint others: $(BIN)/layoutgen sample sample_layouts/100_dogs.yaml -n 100 dogs --seed 1 -o out/more_dogs"

$(OUT)/annotations.json: | $(VENV)/.installed
	$(BIN)/layoutgen sample sample_layouts/100_dogs.yaml -n 100 dogs -o $(OUT)

# Hypothesis's own profile for CI draws the same examples every time, and does not call a slow machine a fault.
# A process per core with one thread each: the models of the tests are too small to keep more threads busy. Files are
# handed out in the order of tests/conftest.py, the long ones first.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest --hypothesis-profile=ci -n auto --dist loadfile --no-loadscope-reorder

test: $(VENV)/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(PYTEST)

web:
	cd web && npm ci && npm run build

# The rooms that load no torch, on any supported Python: what torch has no CPU build for is tested there, too.
LIGHT_PACKAGES := defusedxml faster-coco-eval ijson inflect numpy packaging pillow psutil pycocotools pyyaml ruamel.yaml rich scipy \
	setuptools starlette typer uvicorn hypothesis pytest pytest-xdist
LIGHT_TESTS := tests/domain tests/io tests/formats tests/drawing tests/evaluation tests/methods/test_class_map.py \
	tests/data/test_prepare_coco.py tests/cli/test_app.py tests/cli/test_prepare_coco.py tests/cli/test_visualize.py \
	tests/gallery/test_page.py tests/test_rooms.py tests/test_errors.py --ignore=tests/formats/test_prepared.py

test-light: | $(BIN)/pip
	$(BIN)/python -m pip install -q -c constraints.txt $(LIGHT_PACKAGES)
	$(PYTEST) $(LIGHT_TESTS)

# The same rooms with the lowest versions that pyproject.toml allows, on a Python that these know (PYTHON=python3.10); those
# of the tests' own tools are pinned as ever.
test-lowest: | $(BIN)/pip
	$(BIN)/python -m pip install -q $$($(BIN)/python tests/lowest_versions.py $(filter-out hypothesis pytest pytest-xdist setuptools,$(LIGHT_PACKAGES)))
	$(BIN)/python -m pip install -q -c constraints.txt pytest pytest-xdist
	$(BIN)/python -m pip install -q hypothesis
	$(PYTEST) $(LIGHT_TESTS)

# Each stamp says that its packages were installed after the last change to what they are.
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install -c constraints.txt -e ".[test]"
	@touch $(VENV)/.installed $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("layoutgen needs Python 3.10 or later, and $(PYTHON) is " + sys.version.split()[0] + "; pass another, as in: make PYTHON=python3.12 $(or $(MAKECMDGOALS),dogs)")'
	@echo "Installing into $(VENV); torch makes this take some minutes the first time."
	$(PYTHON) -m venv $(VENV)
