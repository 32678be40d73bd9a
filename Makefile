# netlab: what to type. `make help` lists it. Everything works on a fresh Debian machine that has cargo and make:
# what is missing is installed aloud by .ci/needs, with sudo only where you are not root.

SHELL := /bin/bash
# A fresh rustup writes ~/.cargo/bin into login shells only.
export PATH := $(PATH):$(HOME)/.cargo/bin
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
NETLAB := $(TARGET)/release/netlab
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60

.PHONY: help needs build demo test bench lint fuzz install uninstall clean
.DEFAULT_GOAL := help

help: ## this list
	@echo 'netlab: what to type'
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

needs:
	@.ci/needs

build: needs
	$(CARGO) build --locked --release

demo: build ## install what is missing, build, and watch a TCP exchange of two real programs; no root
	$(NETLAB) demo sync

test: needs ## install what is missing, run every test, list what was skipped and why
	@.ci/test

bench: needs ## benchmarks of decoding, the outputs, filters, reading (divan), and how conversations scale (1 GB in /tmp)
	$(CARGO) bench --locked

lint: needs ## formatting, clippy without warnings, licences and sources of dependencies
	@.ci/lint

fuzz: needs ## fuzz each target for FUZZ_SECONDS (60); without cargo-fuzz the same functions under proptest
	@.ci/fuzz $(FUZZ_SECONDS)

install: ## build, and put netlab and its completions where sudo and the shells find them (PREFIX=/usr/local)
	@if [ -n "$$SUDO_USER" ] && [ ! -x $(NETLAB) ]; then \
	    echo 'make install: type it without sudo: it builds as you and asks for sudo itself' >&2; exit 2; fi
	@if [ -z "$$SUDO_USER" ]; then $(MAKE) --no-print-directory build; fi
	@.ci/install $(NETLAB) '$(DESTDIR)$(PREFIX)'

uninstall: ## take away what `make install` put there
	@.ci/install --undo '$(DESTDIR)$(PREFIX)'

clean: ## remove what was built
	$(CARGO) clean
