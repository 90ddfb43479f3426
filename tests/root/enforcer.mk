# SPDX-License-Identifier: GPL-3.0-or-later
# Kills a process at its n-th system call, for test_strand.py.
TEST_PROGRAMS += $(BUILD)/test/kill-at
$(BUILD)/test/kill-at: $(BUILD)/obj/tests/root/kill_at.o
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARDEN) -o $@ $<

# The driver that plays parent and network process for enforcer_*.py, the
# signer included.
TEST_PROGRAMS += $(BUILD)/test/enforcer-driver $(BUILD)/bin/agent-enforcer
$(BUILD)/test/enforcer-driver: $(BUILD)/obj/tests/root/enforcer_driver.o \
    $(foreach r,agent/parent agent/links common/proc common/wire common/base,$(call room_a,$(r)))
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARDEN) -o $@ $(filter %.o,$^) -Wl,--start-group \
		$(filter %.a,$^) -Wl,--end-group -lcrypto -lprotobuf-c \
		-levent_core -lseccomp -lcap-ng
$(BUILD)/test/enforcer-driver: $(patsubst %,$(BUILD)/obj/tests/root/%.o,driver enforcer_order enforcer_event)
