# SPDX-License-Identifier: GPL-3.0-or-later
# The attacker of test_guard.py.
ifneq ($(GUARD),)
TEST_PROGRAMS += $(BUILD)/test/guard-attack
$(BUILD)/test/guard-attack: $(BUILD)/obj/tests/root/guard_attack.o
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARDEN) -o $@ $< -lbpf
endif
