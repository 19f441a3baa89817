# SPDX-License-Identifier: GPL-2.0-or-later
# The front door. Meson and ninja do the building, in build/; the scripts do the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := all
# Where everything goes that is made; another folder with "make BUILD=…".
BUILD := build
export QEBEK_BUILD := $(abspath $(BUILD))
PREFIX ?= /usr/local
MESON_OPTIONS :=

.PHONY: all san setup demo demo-nt demo-honeypot check check-unit check-e2e agree agree-nt bench bench-nt faults install uninstall clean distclean format lint help

all: $(BUILD)/build.ninja ## build everything
	@ninja -C '$(BUILD)'

# Meson regenerates this itself when a meson.build changes.
$(BUILD)/build.ninja:
	@scripts/setup --check
	@meson setup --prefix '$(PREFIX)' $(MESON_OPTIONS) '$(BUILD)'

# A second build, with sanitizers, of what the unit tests need and nothing else.
build/san/build.ninja:
	@scripts/setup --check
	@meson setup -Db_sanitize=address,undefined -Doptimization=1 build/san

san: build/san/build.ninja
	@ninja -C build/san meson-test-prereq

setup: ## install what building and testing needs (as root, or with sudo)
	@scripts/setup

demo: setup ## boot a Debian kernel, trace it, sum up
	@$(MAKE) --no-print-directory all
	@demo/run

demo-honeypot: setup ## boot a machine with an ssh server, break in, show what was seen of it
	@$(MAKE) --no-print-directory all
	@demo/honeypot

demo-nt: setup ## trace an NT system: make demo-nt DISK=FILE (a disk or an ISO of your own)
	@$(MAKE) --no-print-directory all
	@demo/nt '$(DISK)'

check: setup ## every test; the last line counts them
	@$(MAKE) --no-print-directory all san
	@tests/run meson e2e

check-unit: all san ## tests without a machine, with sanitizers; under a minute
	@tests/run unit

check-e2e: setup ## tests with machines
	@$(MAKE) --no-print-directory all
	@tests/run e2e

agree: setup ## compare with strace at length (under an hour); writes docs/agreement.md
	@$(MAKE) --no-print-directory all
	@tests/agree/all

agree-nt: setup ## compare a million calls of the NT test machine, on 1 and on 4 vCPUs, with its own account
	@$(MAKE) --no-print-directory all
	@tests/nt/agree

bench: setup ## what tracing costs: a table of ratios
	@$(MAKE) --no-print-directory all
	@bench/run

bench-nt: setup ## the same for a call of an NT guest, on the test machine
	@$(MAKE) --no-print-directory all
	@bench/nt

faults: setup ## the three faults of the first Qebek's demo, shown beside qebek
	@$(MAKE) --no-print-directory all
	@bench/faults/run

# Where the command looks for its plugins depends on the prefix: another one than before means building anew.
install: $(BUILD)/build.ninja ## into PREFIX (default /usr/local); DESTDIR is honoured
	@meson introspect --buildoptions '$(BUILD)' | grep -qF '"name": "prefix", "value": "$(PREFIX)"' || \
	    meson configure '$(BUILD)' --prefix '$(PREFIX)'
	@$(MAKE) --no-print-directory all
	@meson install -C '$(BUILD)' --no-rebuild --quiet
	@echo "installed into $(DESTDIR)$(PREFIX)"

uninstall: ## remove what the last "make install" put there
	@ninja -C '$(BUILD)' uninstall

clean: ## remove what was built, but not what was downloaded (build/debs, build/apt, build/npm)
	@if [ -d '$(BUILD)' ]; then find '$(BUILD)' -mindepth 1 -maxdepth 1 ! -name debs ! -name apt ! -name npm -exec rm -rf {} +; fi

distclean: ## remove build/ wholly
	@rm -rf '$(BUILD)'

c_files = $(shell find src include tests examples bench demo -name '*.[ch]' 2>/dev/null)

format: ## bring all C files into shape
	@clang-format -i $(c_files)

lint: all ## formatting and static analysis
	@clang-format --dry-run -Werror $(c_files)
	@run-clang-tidy-14 -quiet -p '$(BUILD)' '^$(CURDIR)/(src|examples|tests/unit)/' 2>/dev/null

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1\t/p' Makefile | expand -t 14
