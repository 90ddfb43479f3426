# SPDX-License-Identifier: GPL-3.0-or-later
# Cordon.  `make demo` and `make check` are the two commands; `make help`
# lists the rest.  Rooms (folders) become archives, archives become programs;
# what may include what stands in tests/FLOORS.

VERSION := 0.1.0
BUILD ?= build
# SAN=1: sanitizer build in build-san.  FUZZ=1: fuzzers in build-fuzz.
SAN ?=
FUZZ ?=
V ?=
Q := $(if $(V),,@)

ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang

# -- flags ------------------------------------------------------------------
WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
	-Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 -Wundef -Werror
HARDEN := -fPIE -fstack-protector-strong -fstack-clash-protection \
	-fcf-protection=full -D_FORTIFY_SOURCE=3 -ftrivial-auto-var-init=zero
CPPFLAGS += -I. -I$(BUILD)/gen -D_GNU_SOURCE \
	-DCORDON_VERSION='"$(VERSION)"'
CFLAGS ?= -O2 -g
LDHARDEN := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed
ifneq ($(SAN),)
BUILD := build-san
HARDEN := -fPIE -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS
LDHARDEN := -pie -fsanitize=address,undefined
CFLAGS := -O1 -g
endif
ifneq ($(FUZZ),)
BUILD := build-fuzz
CC := $(CLANG)
HARDEN := -fPIE -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all
LDHARDEN := -pie
CFLAGS := -O1 -g
endif
ALL_CFLAGS = -std=gnu11 $(WARN) $(HARDEN) $(CFLAGS) -pthread

# -- rooms ------------------------------------------------------------------
# The guard needs libbpf, and clang for the programs that the kernel runs;
# without them the agent is built without it, and says so.
GUARD := $(shell pkg-config --exists libbpf && echo 'int x;' | \
	$(CLANG) -target bpf -c -x c -o /dev/null - 2>/dev/null && echo guard)

ROOMS := common/base common/packages common/wire common/conf common/net common/proc \
	agent/links agent/packages agent/process agent/state agent/parent agent/network \
	agent/enforcer agent/sensors \
	agent/notice $(GUARD:%=agent/%) agent/tool server/links server/model server/store server/audit \
	server/policy server/orders server/cases server/lists server/flow server/reports \
	server/listener server/http server/signer server/ctl
COMMON := common/net common/conf common/proc common/wire common/packages common/base
SERVER := server/listener server/http server/reports server/flow server/lists \
	server/cases server/orders server/audit server/policy server/store \
	server/links server/model

# program := rooms it is made of (its own room first), then libraries
PROGRAMS := agent-parent agent-network agent-enforcer agent-sensors agent-notice \
	$(GUARD:%=agent-%) cordon-agent cordon-collector cordon-signer cordonctl
ROOMS_agent-parent := agent/parent agent/links common/conf common/proc common/wire common/base
LIBS_agent-parent := -levent_core -linih -lprotobuf-c -lseccomp -lcap-ng -lcrypto -lsystemd
ROOMS_agent-network := agent/network agent/links common/net common/proc common/wire common/base
LIBS_agent-network := -levent_openssl -levent_core -levent_extra -lssl -lcrypto -lprotobuf-c -lseccomp -lcap-ng
ROOMS_agent-enforcer := agent/enforcer agent/links common/proc common/wire common/base
LIBS_agent-enforcer := -levent_core -lcrypto -lnftnl -lmnl -lprotobuf-c -lseccomp -lcap-ng
ROOMS_agent-sensors := agent/sensors agent/packages agent/process agent/state agent/links common/proc common/wire common/packages common/base
LIBS_agent-sensors := -levent_core -lcrypto -lsqlite3 -lprotobuf-c -lseccomp -lcap-ng
ROOMS_agent-notice := agent/notice agent/links common/proc common/wire common/base
LIBS_agent-notice := -lsystemd -levent_core -lcrypto -lprotobuf-c -lseccomp -lcap-ng
ROOMS_agent-guard := agent/guard agent/links common/proc common/wire common/base
LIBS_agent-guard := -lbpf -levent_core -lcrypto -lmnl -lprotobuf-c -lseccomp -lcap-ng
ROOMS_cordon-agent := agent/tool agent/packages agent/links common/proc common/wire common/packages common/base
LIBS_cordon-agent := -levent_core -lcrypto -lprotobuf-c -lseccomp -lcap-ng
ROOMS_cordon-collector := server $(SERVER) $(COMMON)
LIBS_cordon-collector := -levent_openssl -levent_pthreads -levent_extra -levent_core -lssl -lcrypto \
	-lsqlite3 -ljansson -linih -lz -llzma -lzstd -lprotobuf-c -lseccomp -lcap-ng -lsystemd
ROOMS_cordon-signer := server/signer server/links common/proc common/wire common/base
LIBS_cordon-signer := -levent_core -lcrypto -lprotobuf-c -lseccomp -lcap-ng
ROOMS_cordonctl := server/ctl server/model common/conf common/base
LIBS_cordonctl := -lcurl -ljansson -linih -lqrencode -lcrypto
# every library: for unit tests, which link with --as-needed
LIBS_ALL := -levent_openssl -levent_pthreads -levent_extra -levent_core -lssl -lcrypto -lnftnl -lmnl \
	-lsqlite3 -ljansson -linih -lz -llzma -lzstd -lprotobuf-c -lseccomp -lcap-ng -lcurl -lqrencode -lsystemd -lcmocka \
	$(GUARD:%=-lbpf)

PROTOS := $(wildcard common/wire/*.proto agent/links/*.proto server/links/*.proto)
GEN_C := $(PROTOS:%.proto=$(BUILD)/gen/%.pb-c.c)
GEN_H := $(GEN_C:.c=.h)
.SECONDARY: $(GEN_C) $(GEN_H)

BINS := $(PROGRAMS:%=$(BUILD)/bin/%)

.PHONY: all
all: $(BINS)

# -- rules ------------------------------------------------------------------
$(BUILD)/gen/%.pb-c.c $(BUILD)/gen/%.pb-c.h: %.proto
	@mkdir -p $(BUILD)/gen
	@echo "  PROTO   $<"
	$(Q)protoc-c --c_out=$(BUILD)/gen $<

$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c | $(GEN_H)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 $(HARDEN) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.o: %.c | $(GEN_H)
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# SQL migrations become C strings.
SCHEMA := $(sort $(wildcard server/store/schema/*.sql))
$(BUILD)/gen/server/store/schema.inc: $(SCHEMA)
	@mkdir -p $(@D)
	$(Q)for f in $(SCHEMA); do sed -e 's/--.*$$//' -e 's/\\/\\\\/g' -e 's/"/\\"/g' \
		-e 's/^/"/' -e 's/$$/\\n"/' $$f; echo ','; done > $@

# Programs for the kernel become bytes.
BPF_CFLAGS := -O2 -target bpf $(filter -W%,$(WARN)) -Wno-pointer-arith -Wno-missing-prototypes \
	-Wno-unused-parameter -I. -isystem /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null)
$(BUILD)/gen/%.bpf.o: %.bpf.c
	@mkdir -p $(@D)
	@echo "  BPF     $<"
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/gen/%.inc: $(BUILD)/gen/%.bpf.o
	$(Q)od -An -v -tx1 $< | sed -e 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g' > $@
.SECONDARY: $(BUILD)/gen/agent/guard/program.bpf.o
-include $(BUILD)/gen/agent/guard/program.bpf.d

# room_srcs(room): all but main.c;   room.a
room_srcs = $(filter-out %/main.c %.bpf.c,$(wildcard $(1)/*.c))
gen_srcs = $(filter $(BUILD)/gen/$(1)/%,$(GEN_C))
room_objs = $(patsubst %.c,$(BUILD)/obj/%.o,$(call room_srcs,$(1))) \
	$(patsubst $(BUILD)/gen/%.c,$(BUILD)/obj/gen/%.o,$(call gen_srcs,$(1)))
room_a = $(BUILD)/lib/$(subst /,_,$(1)).a

define room_rule
$(call room_a,$(1)): $(call room_objs,$(1))
	@mkdir -p $$(@D)
	$(Q)rm -f $$@ && $(AR) rcs $$@ $$^
endef
$(foreach r,$(ROOMS) server,$(eval $(call room_rule,$(r))))
$(BUILD)/obj/server/store/migrate.o: $(BUILD)/gen/server/store/schema.inc
$(BUILD)/obj/agent/guard/programs.o: $(BUILD)/gen/agent/guard/program.inc

# A program: its main.o, then its rooms.
define program_rule
$(BUILD)/bin/$(1): $(BUILD)/obj/$(firstword $(ROOMS_$(1)))/main.o $(foreach r,$(ROOMS_$(1)),$(call room_a,$(r)))
	@mkdir -p $$(@D)
	@echo "  LD      $(1)"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARDEN) $(LDFLAGS) -o $$@ $$< \
		-Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $(LIBS_$(1))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rule,$(p))))

# -- unit tests: tests/unit/ROOM/test_x.c links the rooms of ROOM's side ------
UNIT_SRC := $(sort $(wildcard tests/unit/*/*/test_*.c))
UNIT_SRC := $(if $(GUARD),$(UNIT_SRC),$(filter-out tests/unit/agent/guard/%,$(UNIT_SRC)))
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
SIDE_common := $(COMMON)
SIDE_agent = agent/packages agent/parent agent/network agent/enforcer agent/sensors agent/notice $(GUARD:%=agent/%) agent/tool agent/process agent/state agent/links $(COMMON)
SIDE_server = $(SERVER) server/signer server/ctl $(COMMON)
unit_room = $(patsubst %/,%,$(dir $(patsubst tests/unit/%,%,$(1))))
unit_side = $(firstword $(subst /, ,$(call unit_room,$(1))))
# Its own room, every room that it may include, and what those include.
floor = $(shell sed -n 's|^$(1) *-> *||p' tests/FLOORS)
below = $(sort $(call floor,$(1)) $(foreach r,$(call floor,$(1)),$(call floor,$(r))))
define unit_rule
$(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(1)): $(BUILD)/obj/$(1:.c=.o) $(call room_a,$(call unit_room,$(1))) \
    $(foreach r,$(call below,$(call unit_room,$(1))),$(call room_a,$(r))) \
    $(if $(filter agent,$(call unit_side,$(1))),$(call room_a,common/wire))
	@mkdir -p $$(@D)
	@echo "  LD      $$@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDHARDEN) -Wl,--as-needed -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) \
		-Wl,--end-group $(LIBS_ALL)
endef
$(foreach t,$(UNIT_SRC),$(eval $(call unit_rule,$(t))))

.PHONY: unit
unit: $(UNIT_BIN)

# -- fuzzers: tests/fuzz/ROOM/fuzz_x.c, corpus in tests/fuzz/corpus/x ---------
FUZZ_SRC := $(sort $(wildcard tests/fuzz/*/*/fuzz_*.c))
fuzz_room = $(patsubst %/,%,$(dir $(patsubst tests/fuzz/%,%,$(1))))
define fuzz_rule
$(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(1)): $(BUILD)/obj/$(1:.c=.o) $(call room_a,$(call fuzz_room,$(1))) \
    $(foreach r,$(call below,$(call fuzz_room,$(1))),$(call room_a,$(r))) $(call room_a,common/wire)
	@mkdir -p $$(@D)
	@echo "  LD      $$@"
	$(Q)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer,address,undefined -Wl,--as-needed -o $$@ $$< \
		-Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $(LIBS_ALL)
endef
ifneq ($(FUZZ),)
$(foreach t,$(FUZZ_SRC),$(eval $(call fuzz_rule,$(t))))
.PHONY: fuzzers
fuzzers: $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)
endif

-include tests/tests.mk
-include packaging/packaging.mk

.PHONY: clean
clean:
	rm -rf build build-san build-fuzz

# Header dependencies.
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
