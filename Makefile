# Two commands do all the set-up: `make demo` and `make test`. Everything they install goes into .tools/. Only as root on
# Debian `make test` also installs the packages of deploy/requirements-test-peers.apt.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

TOOLS := .tools
# Python packages lie in a folder of their own: no virtual environment and no system package is needed.
PYLIB := $(TOOLS)/py
PEERS := deploy/requirements-peers.txt
# What only tests need is large, so the demo does without.
TESTLIB := $(TOOLS)/py-test
TEST_PEERS := deploy/requirements-test-peers.txt
PARITYLIB := $(TOOLS)/py-parity
PARITY_PEERS := benches/parity/requirements.txt
# A viewer, a driver for the browser, HL7 v2 peers.
NODELIB := $(TOOLS)/node
VIEWER_PEERS := deploy/viewer-peers.txt

export PYTHONPATH := $(CURDIR)/$(PYLIB):$(CURDIR)/$(TESTLIB)
export BAIZE_PYDICOM_DATA := $(CURDIR)/$(PYLIB)/data_store/data
# charls (JPEG-LS) is built with cmake; the wheel brings one where the machine has none.
export CMAKE ?= $(or $(shell command -v cmake 2>/dev/null),$(CURDIR)/$(PYLIB)/cmake/data/bin/cmake)

FUZZ_SECONDS ?= 600

.PHONY: help demo demo-stop test lint fuzz parity bench-triage bench-hl7 build tools test-tools

help: ## Lists the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 14

demo: build ## Starts the server, sends a real chest radiograph and prints the finding.
	@bash deploy/demo.sh

demo-stop: ## Stops the server that `make demo` left running.
	@bash deploy/demo.sh stop

# One test program is built along with the binary: Cargo then chooses the features of the dependencies as for
# `make test`, and compiles them once for both commands.
build: tools ## Builds the baize binary.
	cargo build --locked --workspace --bins --test e2e

test: test-tools ## Runs every test.
	cargo test --locked --workspace --no-fail-fast

lint: tools ## Formatting, clippy and, where cargo-deny is installed, licences.
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --offline check bans licenses sources; \
	else echo "skipped: cargo-deny is not installed (cargo install --locked cargo-deny)"; fi

# -O: as the product is built. With debug assertions a decoder of others aborts on sound JPEG 2000 images.
# Needs a nightly compiler and `cargo install --locked cargo-fuzz`. What it finds lies in crates/fuzz/artifacts/.
fuzz: ## Feeds damaged conversations and objects to the parsers, ten minutes for each target.
	cd crates/fuzz && cargo run --locked --bin seeds
	cd crates/fuzz && for target in $$(cargo +nightly fuzz list --fuzz-dir .); do \
	  cargo +nightly fuzz run -O --fuzz-dir . "$$target" -- -max_total_time=$(FUZZ_SECONDS) -max_len=65536; done

# What is compared with needs some gigabytes: only this command installs it.
parity: tools $(PARITYLIB)/.installed ## Compares models with the software that they come from, number by number.
	cargo build --locked --workspace --bins --example outputs
	PYTHONPATH=$(CURDIR)/$(PARITYLIB) python3 benches/parity/xrv_densenet121.py \
	  --baize $${CARGO_TARGET_DIR:-target}/debug/baize --outputs $${CARGO_TARGET_DIR:-target}/debug/examples/outputs \
	  --json benches/results/parity-xrv-densenet121.json

# The profile is the one that `make demo` builds; one thread, on one core.
bench-triage: tools ## Measures triage: time per patient, patients a second.
	cargo bench --locked --workspace --profile dev --bench triage --no-run
	RAYON_NUM_THREADS=1 taskset -c 0 cargo bench --locked --workspace --profile dev --bench triage

bench-hl7: tools ## Measures HL7 v2 in: messages a second, time until a message is durable and acknowledged.
	cargo bench --locked --workspace --profile dev --bench hl7 --no-run
	taskset -c 0,1 cargo bench --locked --workspace --profile dev --bench hl7

tools: $(PYLIB)/.installed

test-tools: tools $(TESTLIB)/.installed $(NODELIB)/.installed
	@bash deploy/install-test-peers.sh

$(NODELIB)/.installed: $(VIEWER_PEERS)
	@bash deploy/viewer_peers.sh $< $(@D)

# A folder is made anew when its list changes.
$(PYLIB)/.installed: $(PEERS)
$(TESTLIB)/.installed: $(TEST_PEERS)
$(PARITYLIB)/.installed: $(PARITY_PEERS)
$(PYLIB)/.installed $(TESTLIB)/.installed $(PARITYLIB)/.installed:
	@rm -rf $(@D) && mkdir -p $(@D)
	python3 -m pip install --quiet --disable-pip-version-check --target $(@D) -r $<
	@touch $@
