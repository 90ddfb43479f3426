# SPDX-License-Identifier: GPL-3.0-or-later
# The driver that plays parent and network process for sensors_*.py, and the
# floor of the scan bench.
TEST_PROGRAMS += $(BUILD)/test/sensors-driver $(BUILD)/test/floor-scan \
	$(BUILD)/test/write-files $(BUILD)/test/encrypt-load \
	$(BUILD)/test/signal-source $(BUILD)/bin/agent-sensors
$(BUILD)/test/sensors-driver: $(BUILD)/obj/tests/root/sensors_driver.o \
    $(foreach r,agent/links common/proc common/wire common/base,$(call room_a,$(r)))
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARDEN) -o $@ $(filter %.o,$^) -Wl,--start-group \
		$(filter %.a,$^) -Wl,--end-group -lcrypto -lprotobuf-c \
		-levent_core -lseccomp -lcap-ng
$(BUILD)/test/sensors-driver: $(BUILD)/obj/tests/root/driver.o
$(BUILD)/test/encrypt-load: $(BUILD)/obj/tests/root/encrypt_load.o
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARDEN) -o $@ $<
# Stands in for agent-sensors where it is counted what is delivered.
$(BUILD)/test/signal-source: $(BUILD)/obj/tests/root/signal_source.o \
    $(foreach r,$(ROOMS_agent-sensors),$(call room_a,$(r)))
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARDEN) -o $@ $< -Wl,--start-group \
		$(filter %.a,$^) -Wl,--end-group $(LIBS_agent-sensors)
$(BUILD)/test/floor-scan: $(BUILD)/obj/tests/bench/floor_scan.o
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARDEN) -o $@ $< -lcrypto
$(BUILD)/test/write-files: $(BUILD)/obj/tests/bench/write_files.o
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARDEN) -o $@ $<
