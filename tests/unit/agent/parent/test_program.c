/* SPDX-License-Identifier: GPL-3.0-or-later */
/* BPF objects by number: links that hold XDP, maps of devices; on loopback
 * of a namespace of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/parent/program.h"

#define LOOPBACK 1

static int
ask(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

/* return VERDICT; -1 with errno. */
static int
load(enum bpf_prog_type type, int32_t verdict)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = verdict},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	attr.insns = (uint64_t)(uintptr_t)code;
	attr.insn_cnt = 2;
	attr.license = (uint64_t)(uintptr_t)"GPL";
	return ask(BPF_PROG_LOAD, &attr);
}

static uint32_t
id_of(int program)
{
	struct bpf_prog_info info;
	union bpf_attr attr;

	memset(&info, 0, sizeof(info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)program;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)(uintptr_t)&info;
	assert_int_equal(ask(BPF_OBJ_GET_INFO_BY_FD, &attr), 0);
	return info.id;
}

static int
hang(int program)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)program;
	attr.link_create.target_ifindex = LOOPBACK;
	attr.link_create.attach_type = BPF_XDP;
	attr.link_create.flags = XDP_FLAGS_SKB_MODE;
	return ask(BPF_LINK_CREATE, &attr);
}

static int
take_off(int link)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_detach.link_fd = (uint32_t)link;
	return ask(BPF_LINK_DETACH, &attr);
}

/* Is there one, and is nothing else of it had? */
static bool
found(uint32_t device, uint32_t program, uint32_t *link)
{
	uint32_t at = *link;
	int fd = program_link(device, program, link);

	if (fd < 0)
		assert_int_equal(*link, at);
	else
		close(fd);
	return fd >= 0;
}

static void
links(void **state)
{
	uint32_t id, link = 0;
	int program, fd;

	(void)state;
	program = load(BPF_PROG_TYPE_XDP, XDP_PASS);
	if ((program < 0 && (errno == EPERM || errno == ENOSYS)) ||
	    unshare(CLONE_NEWNET) < 0)
		skip();
	assert_true(program >= 0);
	id = id_of(program);
	assert_false(found(LOOPBACK, id, &link));
	fd = hang(program);
	assert_true(fd >= 0);
	assert_true(found(LOOPBACK, id, &link));
	assert_true(link > 0);
	assert_false(found(LOOPBACK, id, &link)); /* no other after it */
	link = 0;
	assert_false(found(LOOPBACK + 1, id, &link));
	assert_false(found(0, id, &link));
	assert_false(found(LOOPBACK, id + 1, &link));
	assert_int_equal(take_off(fd), 0);
	assert_false(found(LOOPBACK, id, &link));
	assert_true(found(0, id, &link));
	close(fd);
	close(program);
}

static void
programs(void **state)
{
	struct program_list l = {.n = 0};
	int xdp, other, fd;

	(void)state;
	xdp = load(BPF_PROG_TYPE_XDP, XDP_PASS);
	other = load(BPF_PROG_TYPE_SCHED_CLS, 0);
	if (xdp < 0 || other < 0)
		skip();
	assert_int_equal(program_open(&l, id_of(other)), -1);
	fd = program_open(&l, id_of(xdp));
	assert_true(fd >= 0);
	assert_int_equal(program_open(&l, id_of(xdp)), fd);
	assert_int_equal(l.n, 1);
	program_close_all(&l);
	assert_int_equal(l.n, 0);
	close(xdp);
	close(other);
}

static int
make_map(enum bpf_map_type type)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = attr.value_size = attr.max_entries = 4;
	return ask(BPF_MAP_CREATE, &attr);
}

static uint32_t
maps_there(void)
{
	uint32_t id = 0, n = 0;
	int fd;

	while ((fd = program_map(&id)) >= 0) {
		close(fd);
		n++;
	}
	return n;
}

/* Other tests may run beside this one: what it adds is there at least. */
static void
maps(void **state)
{
	int array = make_map(BPF_MAP_TYPE_ARRAY), one, two;
	uint32_t id = 0, last = 0;
	int fd;

	(void)state;
	if (array < 0)
		skip();
	one = make_map(BPF_MAP_TYPE_DEVMAP);
	two = make_map(BPF_MAP_TYPE_DEVMAP_HASH);
	assert_true(one >= 0 && two >= 0);
	assert_true(maps_there() >= 2);
	while ((fd = program_map(&id)) >= 0) {
		assert_true(id > last);
		last = id;
		close(fd);
	}
	close(array);
	close(one);
	close(two);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links),
		cmocka_unit_test(programs),
		cmocka_unit_test(maps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
