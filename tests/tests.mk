# SPDX-License-Identifier: GPL-3.0-or-later
# What `make` does with tests/.  The order and the counting are in
# tests/lib/run.py; rules for a folder's own helper programs are in
# tests/*/*.mk.

PYTHON ?= /usr/bin/python3

.PHONY: deps check demo bench fuzz quick escape strand deliver triggers house help
help:
	@echo 'make demo    install what is needed, build, show the main job'
	@echo 'make check   install what is needed, build, run every test'
	@echo 'make         build the programs into build/bin'
	@echo 'make quick   floors and unit tests only'
	@echo 'make deb     Debian packages into build/deb'
	@echo 'make bench   measure, as ratios against peers and floors'
	@echo 'make escape  every way out of an isolated host, beside two usual rulesets'
	@echo 'make strand  what could strand a host, at full length (half an hour)'
	@echo 'make deliver what could lose a signal, at full length (a quarter of an hour)'
	@echo 'make triggers  what an intruder changes, by technique: seen, how soon, by whom'
	@echo 'make fuzz    fuzz each parser (FUZZ_SECONDS=120 each)'
	@echo 'make kinds-page  write cordon-signals(7) anew from the table of kinds'
	@echo 'make clean   remove the build folders'

# Packages of Debian that building and testing need.
deps:
	@tests/lib/deps.sh

check: deps
	@$(PYTHON) tests/lib/run.py check

quick:
	@$(PYTHON) tests/lib/run.py quick

demo: deps
	@$(MAKE) --no-print-directory -j2 all test-programs
	@$(PYTHON) tests/scenario/demo.py

bench: deps
	@$(MAKE) --no-print-directory -j2 all test-programs
	@$(PYTHON) tests/bench/bench.py

escape: deps
	@$(MAKE) --no-print-directory -j2 all test-programs
	@CORDON_ESCAPE=all $(PYTHON) -m pytest -q -s -p no:cacheprovider tests/root/test_escape.py

strand: deps
	@$(MAKE) --no-print-directory -j2 all test-programs
	@CORDON_STRAND=1 CORDON_ROUNDS=1000 $(PYTHON) -m pytest -q -s -p no:cacheprovider tests/root/test_strand.py \
		tests/scenario/test_70_strand.py tests/scenario/test_35_rounds.py

deliver: deps
	@$(MAKE) --no-print-directory -j2 all unit test-programs
	@CORDON_DELIVER=1 $(BUILD)/unit/agent/network/test_power
	@CORDON_DELIVER=1 $(PYTHON) -m pytest -q -s -p no:cacheprovider tests/scenario/test_55_delivery.py

triggers: deps
	@$(MAKE) --no-print-directory -j2 all test-programs
	@CORDON_TRIGGERS=all $(PYTHON) -m pytest -q -s -p no:cacheprovider tests/root/test_triggers.py

FUZZ_SECONDS ?= 120
fuzz: deps
	@$(PYTHON) tests/lib/run.py fuzz $(FUZZ_SECONDS)

# Helper programs of tests add themselves to TEST_PROGRAMS.
TEST_PROGRAMS :=
-include $(wildcard tests/*/*.mk)
.PHONY: test-programs
test-programs: $(TEST_PROGRAMS)
