# SPDX-License-Identifier: Apache-2.0
# make          the environment in .venv, with the commands void and void-server
# make demo     removes the object from the bundled shot and says where the result is
# make test     all that CI runs: contract lint, style, types, tests
# make coverage the tests once more, counting the lines that they reach (they then take half as long again)
# make system   ffmpeg, lua5.1, luajit, tclsh and chromium, which some tests need, where packages may be installed without asking
# make sam2     Meta's package for official checkpoints of SAM2, into .venv (docs/masks.md); nothing else needs it
# make kills    kill -9 of server, worker, client and helper at random moments, SEEDS=200; prints the figures (an hour)
# make network-faults  a network that cuts, stops and slows at random bytes, SEEDS=200; prints the figures (half an hour)
# make bundle   wheels of every system and Python, for installs without a network, in dist/bundle; TARGETS="…" limits it
# make fuzz     hostile files and calls, each from a number that is printed, for SECONDS=600; prints the figures
# make try-container  builds the container image and runs a job in it; as root, on Debian, from a bundle
# make try-systemd  boots a systemd in a container and runs the unit in it; the same
# make mutants  makes one fault at a time in a copy of the code, and fails where no test finds it
# make bench-engine  compute a frame of the clean-plate engine against a yardstick (two minutes)
# make bench-void  the engine void against the arithmetic that it needs, on the GPU if there is one
# make bench-masks  the segmenter flow on the bundled shot, against unmoved and merely warped mattes
# make bench-production  a 4K shot of 100 frames in path mode, against OpenImageIO alone (up to an hour, 14 GB)
# make bench-load  12 clients on one server for ten minutes, one of them slow: latency, fairness, memory over time
# make soak     the same for an hour, MINUTES=60: that memory, threads and open files stay flat
# make bench    transfer, EXR, overhead, overlap and memory, each against a baseline of its own run (about an hour)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
SOURCES := pyproject.toml constraints.txt hatch_build.py $(wildcard protos/void/v1/*.proto)
DEMO := examples/demo
OUT := demo_result

SEEDS := 200
SECONDS := 600
MINUTES := 60
TARGETS :=

.PHONY: all demo test lint types tests coverage system sam2 kills network-faults fuzz mutants bench bench-quality bench-engine bench-masks bench-production bench-void bench-load soak bundle try-container try-systemd clean

all: $(VENV)/.server

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "The server needs Python 3.11 or newer; give one with make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.server: $(SOURCES) | $(VENV)/bin/python
	@echo "installing the server and the client into $(VENV) (about a minute) ..."
	PIP_CONSTRAINT=constraints.txt $(PIP) install -e '.[server]'
	@touch $@

$(VENV)/.dev: $(SOURCES) | $(VENV)/bin/python
	@echo "installing server, client, the engine void and development tools into $(VENV) (about three minutes) ..."
	PIP_CONSTRAINT=constraints.txt $(PIP) install -e '.[server,void,cloud,ray,dev]'
	@touch $@ $(VENV)/.server

demo: $(VENV)/.server
	$(BIN)/void remove --local --plate '$(DEMO)/plate/plate.%04d.exr' --range 1010-1029 \
	  --remove '$(DEMO)/roto/roto.%04d.exr' --affected '$(DEMO)/affected/affected.%04d.exr' \
	  --out $(OUT) --name demo
	@echo
	@echo "EXR frames:     $(OUT)/demo.1010.exr … demo.1029.exr (R G B and the layer void_mask)"
	@echo "mattes:         $(OUT)/matte/"
	@echo "contact sheet:  $(OUT)/demo.png"
	@echo "figures:        $(OUT)/demo_qc.png and $(OUT)/demo.json"

test: lint types tests

lint: $(VENV)/.dev
	$(BIN)/buf lint protos
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint deploy/Containerfile

types: $(VENV)/.dev
	$(BIN)/mypy

# Hundreds of tests cut networks and kill processes against real clocks, beside each other. A few that failed so are
# run once more alone; which they were stays on the screen. More than a few, or a failure alone, fails the run.
AGAIN_AT_MOST := 3

tests: $(VENV)/.dev system $(VENV)/.sam2
	@rm -rf build/tests && mkdir -p build/tests
	$(BIN)/python -m pytest -n 2 -o cache_dir=build/tests || { result=$$?; \
	  failed=$$(grep -c '": true' build/tests/v/cache/lastfailed || true); \
	  [ "$$result" = 1 ] && [ "$${failed:-0}" -ge 1 ] && [ "$$failed" -le $(AGAIN_AT_MOST) ] || exit $$result; \
	  echo; echo "$$failed failed beside other tests; once more, alone:"; grep '": true' build/tests/v/cache/lastfailed; \
	  $(BIN)/python -m pytest -v --last-failed --last-failed-no-failures none -o cache_dir=build/tests; }

coverage: $(VENV)/.dev system $(VENV)/.sam2
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term

# Never fails: what is missing is said, and the tests that need it are skipped with the same words.
# Commands and their packages: one that does not exist here must not keep the others away.
SYSTEM := ffmpeg:ffmpeg lua5.1:lua5.1 luajit:luajit tclsh:tcl chromium:chromium
SYSTEM_MISSING = There is no $(1) and it cannot be installed from here:

system:
	@missing=; for pair in $(SYSTEM); do \
	  command -v $${pair%:*} >/dev/null || missing="$$missing $${pair#*:}"; done; \
	if [ -n "$$missing" ]; then \
	  as=$$([ "$$(id -u)" = 0 ] || echo "sudo -n"); install="apt-get install -y -q --no-install-recommends"; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  { $$as $$install $$missing || { $$as apt-get update -q && $$as $$install $$missing; } || \
	    for package in $$missing; do $$as $$install $$package; done; } >/dev/null 2>&1 </dev/null || true; fi
	@command -v ffmpeg >/dev/null || \
	  echo "$(call SYSTEM_MISSING,ffmpeg) that mp4 decodes to the test's frames is not checked."
	@command -v lua5.1 >/dev/null || \
	  echo "$(call SYSTEM_MISSING,lua5.1) that it reads Resolve's macro is not checked."
	@command -v luajit >/dev/null || \
	  echo "$(call SYSTEM_MISSING,luajit) that it reads Resolve's macro is not checked."
	@command -v tclsh >/dev/null || \
	  echo "$(call SYSTEM_MISSING,tclsh) that .nk and .gizmo files are whole and true to Nuke's classes is not checked."
	@command -v chromium >/dev/null || \
	  echo "$(call SYSTEM_MISSING,chromium) that the monitor page works in a browser is not checked."

# Left to itself pip would fetch another torch to build it, and torchvision, which the video predictor does not import.
# No extra of a package can state these options.
sam2: $(VENV)/.dev
	PIP_CONSTRAINT=constraints.txt $(PIP) install setuptools wheel hydra-core==1.3.8 iopath==0.1.10
	SAM2_BUILD_CUDA=0 $(PIP) install --no-build-isolation --no-deps 'sam2==1.1.0'

# The tests of that package are skipped, and say so, where it cannot be had.
$(VENV)/.sam2: $(VENV)/.dev
	@if $(MAKE) -s sam2; then touch $@; else echo "sam2 cannot be installed here: its package is not checked"; fi

kills: $(VENV)/.dev
	$(BIN)/python -m tests.kills --seeds $(SEEDS)

network-faults: $(VENV)/.dev
	$(BIN)/python -m tests.network --seeds $(SEEDS)

bundle: $(VENV)/.dev
	$(BIN)/python -m wheelhouse $(TARGETS)

try-container try-systemd: $(VENV)/.dev
	@test -d dist/bundle || $(MAKE) bundle TARGETS=server-linux-cp311
	tests/deploy/$(subst -,_,$@).sh

fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

mutants: $(VENV)/.dev
	$(BIN)/python -m tests.mutations tests/mutations/*.toml

# Each may end with 1, where a goal is not reached on this machine: the others still run, and make then says which.
bench: $(VENV)/.dev
	@failed=; for name in transfer exr overhead overlap memory; do \
	  echo "== $$name"; $(BIN)/python -m benchmarks.$$name || failed="$$failed $$name"; done; \
	  if [ -n "$$failed" ]; then echo "goal not reached:$$failed"; exit 1; fi

bench-quality: $(VENV)/.dev
	$(BIN)/python -m benchmarks.quality

bench-engine: $(VENV)/.dev
	$(BIN)/python -m benchmarks.engine_speed

bench-production: $(VENV)/.dev
	$(BIN)/python -m benchmarks.production

bench-masks: $(VENV)/.dev
	$(BIN)/python -m benchmarks.masks $(DEMO)

bench-load: $(VENV)/.dev
	$(BIN)/python -m benchmarks.load

soak: $(VENV)/.dev
	$(BIN)/python -m benchmarks.load --minutes $(MINUTES)

bench-void: $(VENV)/.dev
	$(BIN)/python -m benchmarks.void_engine

clean:
	rm -rf $(VENV) build dist $(OUT) .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
