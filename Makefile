# Everything on a fresh machine with Python 3.11+ and make.
#   make demo    the main job on synthetic Kutai Timur data, run-time wheels only
#   make test    the tests; nothing but PyPI needed
#   make check   lint, types, layers, wheel contents
#   make bench   speed beside the peers, printed as tables; asserts nothing
#   make bench-protocol  what a run adds to encode and link, 1,000,000 records; some ten minutes
#   make bench-families  families and assignments beside the truth, ten seeds; a quarter of an hour
#   make bench-thresholds  estimated thresholds beside the best that labels show; an hour
#   make bench-national  two national registers at 1/100, 1/10 and whole; hours, 40 GB of disk, goes
#                        on where it stopped (SHARES="100 10" for less)
#   make risk    the red team at 1,000 to 200,000 records; hours, goes on where it stopped
#   make docs-images  the pictures of the docs, from a demo with seed 7; needs Chromium
#   make pins    renew the pinned requirements (needs uv)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input

.PHONY: demo test check bench bench-protocol bench-families bench-thresholds bench-national risk docs-images venv pins clean

demo: $(VENV)/.run
	$(BIN)/pprl demo --out demo --force

test: $(VENV)/.test
	$(BIN)/python -m pytest -q -n auto --dist loadfile

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/check_wheel.py

bench: $(VENV)/.test
	$(BIN)/python tests/bench/run.py

bench-protocol: $(VENV)/.test
	$(BIN)/python tests/bench/protocol.py

bench-families: $(VENV)/.test
	$(BIN)/python tests/bench/families.py

bench-thresholds: $(VENV)/.test
	$(BIN)/python tests/bench/thresholds.py
	$(BIN)/python tests/bench/thresholds.py --cost 100000

SHARES ?= 100 10 1

bench-national: $(VENV)/.test
	for share in $(SHARES); do \
		$(BIN)/python tests/bench/national.py --share $$share || exit 1; \
	done
	$(BIN)/python tests/bench/national.py --share 10 --persons

risk: $(VENV)/.test
	$(BIN)/python tests/bench/risk.py

docs-images: $(VENV)/.test
	$(BIN)/pprl demo --seed 7 --out demo --force
	$(BIN)/python docs/images/make.py demo

venv: $(VENV)/.test

# The run-time wheels and the project itself, and a small first run that compiles the kernels, so
# that no later one has to. The full environment holds them too.
$(VENV)/.run: requirements/run.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --require-hashes --no-deps -r requirements/run.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	$(BIN)/pprl demo --families 200 --out $(VENV)/first-run --force >$(VENV)/first-run.log 2>&1 \
		|| { cat $(VENV)/first-run.log; exit 1; }
	rm -rf $(VENV)/first-run $(VENV)/first-run.log
	touch $@

# With the oracles (clkhash past its pins, anonlink on Python 3.11), test tools and checkers.
$(VENV)/.test: requirements/test.txt $(VENV)/.run
	$(INSTALL) --require-hashes --no-deps -r requirements/test.txt
	touch $@

PIN := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --quiet

pins:
	$(PIN) requirements/run.in -o requirements/run.txt
	$(PIN) --override requirements/override.in requirements/test.in -o requirements/test.txt

clean:
	rm -rf $(VENV) demo dist build
