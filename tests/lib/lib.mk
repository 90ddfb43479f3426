# SPDX-License-Identifier: GPL-3.0-or-later
# Signs orders for scenarios.
TEST_PROGRAMS += $(BUILD)/test/sign-order
$(BUILD)/test/sign-order: $(BUILD)/obj/tests/lib/sign_order.o \
    $(foreach r,common/net common/wire common/base,$(call room_a,$(r)))
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARDEN) -o $@ $< -Wl,--start-group \
		$(filter %.a,$^) -Wl,--end-group -lcrypto -lprotobuf-c

# Steps the wall clock of one machine of a scenario; plain flags, because it
# lives in other people's programs.
TEST_PROGRAMS += $(BUILD)/test/shift-clock.so
$(BUILD)/test/shift-clock.so: tests/lib/shift_clock.c
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 $(WARN) -O2 -fPIC -shared -o $@ $<
