# Two commands, each of which does its own set-up in a fresh checkout:
#   make dogs   paints 100 dogs into out/100_dogs
#   make test   runs what continuous integration runs
# Both take another Python (make dogs PYTHON=python3.12) and another environment (make test VENV=/tmp/venv).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT := out/100_dogs

.PHONY: dogs test

# The picture is made once: a second `make dogs` leaves it alone, also when the package has changed since.
dogs: $(OUT)/annotations.json
	@echo "100 dogs are in $(OUT)/images, with their boxes in $(OUT)/overlays."
	@echo "To paint others: $(BIN)/layoutgen sample sample_layouts/100_dogs.yaml -n 100 dogs --seed 1 -o out/more_dogs"

$(OUT)/annotations.json: | $(VENV)/.installed
	$(BIN)/layoutgen sample sample_layouts/100_dogs.yaml -n 100 dogs -o $(OUT)

# Hypothesis's own profile for CI draws the same examples every time, and does not call a slow machine a fault.
test: $(VENV)/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest --hypothesis-profile=ci

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
