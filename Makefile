# The verbs of this checkout. Each sets up what it needs first (a second time costs under a second):
# system packages as root or with sudo, .venv, the web pages, a private Asterisk in the user's cache.

SHELL := /bin/sh
PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest tests

# Folders without unit tests (tests/conftest.py sees to that): importing them would take longer than the tests.
NO_UNITS := $(addprefix --ignore=tests/,asterisk browser contracts acceptance install)

.DEFAULT_GOAL := help
.PHONY: help setup setup-demo demo test check unit contract acceptance asterisk browser installation \
	pjsua2 bench campaign

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install all that `make test` needs; says what it does
	@tools/setup test

setup-demo: ## install all that `make demo` needs (no compiler, no browser)
	@tools/setup demo

demo: setup-demo ## start a sample company with simulated callers; prints the address to open
	@.venv/bin/ringdesk demo

# One part after the other, the quick ones first, so that a mistake is told early; a failure doesn't hide
# the next part's. Sub-makes, because `make -j` would run the parts at once and they share two cores.
test: setup ## every part below in this order
	@failed=; for part in check unit contract acceptance installation asterisk browser; do \
		echo "== make $$part"; $(MAKE) --no-print-directory "$$part" || failed="$$failed $$part"; done; \
	if [ -n "$$failed" ]; then echo "== failed:$$failed"; exit 1; fi; echo "== all parts passed"

check: setup ## format, lint, types, layers, rules about the code
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTEST) -q -m architecture --session-timeout=300

unit: setup ## the pure parts; under 5 s
	$(PYTEST) -q -m unit --session-timeout=300 $(NO_UNITS)

contract: setup ## each port against its fake and its real adapter
	$(PYTHON) -m tests.live_parts contract 1500

acceptance: setup ## the whole service in memory, on virtual time
	$(PYTEST) -q -m acceptance --session-timeout=600

installation: setup ## the set-up itself: refusals, remedies, second start
	$(PYTEST) -q -m install --session-timeout=600

asterisk: setup ## real Asterisk, SIPp callers, pjsua2 phones
	$(PYTHON) -m tests.live_parts asterisk 3600

browser: setup ## Chromium, a real WebRTC call
	$(PYTHON) -m tests.live_parts browser 2700

pjsua2: setup-demo ## build the SIP library of the test phones into the cache
	@tools/setup pjsua2

bench: setup ## measure the figures; prints a table, writes JSON
	$(PYTHON) -m bench

campaign: setup ## faults and attacks at full count; resumable
	$(PYTHON) -m tests.campaign
