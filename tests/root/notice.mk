# SPDX-License-Identifier: GPL-3.0-or-later
# A desktop for the tests of agent-notice.
TEST_PROGRAMS += $(BUILD)/test/notice-desktop
$(BUILD)/test/notice-desktop: $(BUILD)/obj/tests/root/notice_desktop.o
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARDEN) -o $@ $< -lsystemd
