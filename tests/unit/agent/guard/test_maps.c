/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Maps of devices, real ones, with entries that lead to a device of our own.
 * A guard beside us looks at the same maps: its devices have other numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>

#include "agent/guard/maps.h"

#define DEVICE 471147
#define MAKE_IT "ip link add maps0 index 471147 type veth peer name maps1"
#define ENTRIES 5

static bool made; /* DEVICE */

static bool
is_device(void *arg, uint32_t index)
{
	(void)arg;
	return index == DEVICE;
}

static bool
is_nothing(void *arg, uint32_t index)
{
	(void)arg, (void)index;
	return false;
}

/* With every second entry full; skips where the kernel gives no BPF. */
static int
make(enum bpf_map_type type, uint32_t value_size)
{
	uint32_t key, value[2] = {DEVICE, 0};
	int fd;

	if (!made)
		skip(); /* without root, or without veth */
	fd = bpf_map_create(type, "leads", sizeof(key), value_size, ENTRIES,
	    NULL);
	if (fd == -EPERM || fd == -ENOSYS)
		skip();
	assert_true(fd >= 0);
	for (key = 0; key < ENTRIES; key += 2)
		assert_int_equal(bpf_map_update_elem(fd, &key, value, 0), 0);
	return fd;
}

static uint32_t
entries(int fd)
{
	uint32_t key, value[2], n = 0;

	for (key = 0; key < ENTRIES; key++)
		n += bpf_map_lookup_elem(fd, &key, value) == 0;
	return n;
}

static void
clears(void **state)
{
	static const struct {
		enum bpf_map_type type;
		uint32_t size;
	} kinds[] = {{BPF_MAP_TYPE_DEVMAP, 4}, {BPF_MAP_TYPE_DEVMAP, 8},
	    {BPF_MAP_TYPE_DEVMAP_HASH, 4}, {BPF_MAP_TYPE_DEVMAP_HASH, 8}};
	struct maps_found f;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		fd = make(kinds[i].type, kinds[i].size);
		maps_clear(fd, is_nothing, NULL, &f);
		assert_int_equal(f.device, 0);
		assert_int_equal(entries(fd), 3);
		maps_clear(fd, is_device, NULL, &f);
		assert_int_equal(f.device, DEVICE);
		assert_false(f.stays);
		assert_false(f.rest);
		assert_string_equal(f.name, "leads");
		assert_int_equal(entries(fd), 0);
		close(fd);
	}
}

static void
frozen(void **state)
{
	struct maps_found f;
	int fd = make(BPF_MAP_TYPE_DEVMAP, 4);

	(void)state;
	assert_int_equal(bpf_map_freeze(fd), 0);
	maps_clear(fd, is_device, NULL, &f);
	assert_int_equal(f.device, DEVICE);
	assert_true(f.stays);
	assert_int_equal(entries(fd), 3);
	close(fd);
}

/* So many that it is not worth the time: told, not walked to the end. */
static void
too_many(void **state)
{
	uint32_t key = MAPS_KEYS_MAX + 1, value = DEVICE;
	struct maps_found f;
	int fd;

	(void)state;
	close(make(BPF_MAP_TYPE_DEVMAP, 4)); /* or it is skipped */
	fd = bpf_map_create(BPF_MAP_TYPE_DEVMAP, "many", 4, 4,
	    MAPS_KEYS_MAX + 2, NULL);
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, &key, &value, 0), 0);
	maps_clear(fd, is_device, NULL, &f);
	assert_int_equal(f.device, 0);
	assert_true(f.rest);
	close(fd);
}

static void
told_once(void **state)
{
	struct maps_told t = {.n = 0};
	uint32_t i;

	(void)state;
	for (i = 1; i <= MAPS_TOLD_MAX; i++) {
		assert_false(maps_told(&t, i));
		assert_true(maps_told(&t, i));
	}
	assert_false(maps_told(&t, i)); /* in the place of all others */
	assert_true(maps_told(&t, i));
}

/* In a namespace of its own. */
static int
make_device(void **state)
{
	(void)state;
	made = geteuid() == 0 && unshare(CLONE_NEWNET) == 0 &&
	    system(MAKE_IT " 2>/dev/null") == 0;
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clears),
		cmocka_unit_test(frozen),
		cmocka_unit_test(too_many),
		cmocka_unit_test(told_once),
	};

	return cmocka_run_group_tests(tests, make_device, NULL);
}
