/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Readiness of a host that is a tree of files made for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sensors/ready.h"
#include "common/base/file.h"

static char root[64];
static struct ready_item items[READY_ITEMS_MAX];

static const char *
in_root(const char *path)
{
	static char out[512];

	snprintf(out, sizeof(out), "%s%s", root, path);
	return out;
}

static void
put(const char *path, const char *text)
{
	char dir[512];

	snprintf(dir, sizeof(dir), "%s", in_root(path));
	*strrchr(dir, '/') = '\0';
	assert_int_equal(file_mkdir(dir, 0755, NULL), 0);
	assert_int_equal(file_write(in_root(path), text, strlen(text), 0644,
	    NULL), 0);
}

static void
put_link(const char *path, const char *to)
{
	put(path, "");
	unlink(in_root(path));
	assert_int_equal(symlink(to, in_root(path)), 0);
}

static int
setup(void **state)
{
	(void)state;
	strcpy(root, "/tmp/crdy-XXXXXX");
	if (mkdtemp(root) == NULL)
		return -1;
	put("/proc/1/comm", "systemd\n");
	put("/proc/self/mountinfo",
	    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
	    "23 22 0:5 / /srv/share rw - nfs4 nas:/share rw\n");
	put_link("/sys/dev/block/8:1", "../../devices/pci0/ata1/block/sda");
	put("/sys/devices/pci0/ata1/block/sda/size", "1");
	put("/usr/lib/systemd/system/cordon-agent-restore.service", "");
	put_link("/etc/systemd/system/sysinit.target.wants/"
		 "cordon-agent-restore.service", "/x");
	return 0;
}

static void
test_who_tells_of_processes(void **state)
{
	struct ready_item i;

	(void)state;
	ready_processes(true, &i);
	assert_true(i.ok && !i.blocks);
	ready_processes(false, &i);
	assert_false(i.ok || i.blocks);
	assert_string_equal(i.id, "process-events");
	assert_non_null(strstr(i.text, "connector is refused"));
	ready_firewall(true, &i);
	assert_true(i.ok && !i.blocks);
	ready_firewall(false, &i);
	assert_false(i.ok || i.blocks);
	assert_string_equal(i.id, "firewall-events");
}

static int
teardown(void **state)
{
	char cmd[96];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -r %s", root);
	return system(cmd);
}

static const struct ready_item *
look(const char *id)
{
	size_t n = ready_look(root, "/tmp", items), i;

	for (i = 0; i < n; i++)
		if (strcmp(items[i].id, id) == 0)
			return &items[i];
	fail_msg("no item %s", id);
	return NULL;
}

static void
expect(const char *id, bool ok, const char *text)
{
	const struct ready_item *i = look(id);

	if (i->ok != ok || strstr(i->text, text) == NULL)
		fail_msg("%s: %s: \"%s\" has no \"%s\"", id,
		    i->ok ? "ok" : "lost", i->text, text);
}

static void
test_an_ordinary_host_is_ready(void **state)
{
	size_t n, i;

	(void)state;
	n = ready_look(root, "/tmp", items);
	assert_int_equal(n, READY_ITEMS_MAX);
	for (i = 0; i < n; i++)
		if (!items[i].ok && strcmp(items[i].id, "disk-space") != 0)
			fail_msg("%s: %s", items[i].id, items[i].text);
}

static void
test_who_else_manages_rules(void **state)
{
	(void)state;
	put("/proc/77/comm", "firewalld\n");
	expect("other-firewall", false, "firewalld changes rules");
	expect("containers", true, "");
	put("/proc/77/comm", "dockerd\n");
	expect("other-firewall", true, "");
	expect("containers", false, "dockerd adds devices");
	put("/etc/ufw/ufw.conf", "# comment\nENABLED=no\n");
	expect("other-firewall", true, "");
	put("/etc/ufw/ufw.conf", "# ENABLED=yes\nENABLED=yes\n");
	expect("other-firewall", false, "ufw is enabled");
	put("/proc/net/ip6_tables_names", "");
	expect("iptables-legacy", true, "");
	put("/proc/net/ip6_tables_names", "filter\n");
	expect("iptables-legacy", false, "iptables-legacy");
}

static void
test_what_it_runs_from(void **state)
{
	(void)state;
	put("/proc/self/mountinfo",
	    "22 1 0:20 / / rw,relatime shared:1 - nfs4 nas:/root rw\n");
	expect("network-root", false, "/ is on the network (nfs4)");
	assert_true(look("network-root")->blocks);
	put("/proc/self/mountinfo",
	    "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
	    "23 22 0:9 / /tmp rw - cifs //nas/tmp rw\n");
	expect("network-root", false, "/tmp is on the network (cifs)");
	put("/proc/self/mountinfo",
	    "22 1 8:1 / /usr rw - ext4 /dev/sda1 rw\ngarbage\n - \n");
	expect("network-root", true, "");
	/* A logical volume on a disk that comes over iSCSI. */
	put("/proc/self/mountinfo",
	    "22 1 254:0 / / rw shared:1 master:2 - xfs /dev/mapper/r rw\n");
	put_link("/sys/dev/block/254:0", "../../devices/virtual/block/dm-0");
	put_link("/sys/devices/virtual/block/dm-0/slaves/sda",
	    "../../../../pci0/ata1/block/sda");
	expect("network-root", true, "");
	put("/sys/devices/platform/host3/session1/block/sdb/size", "1");
	put_link("/sys/devices/virtual/block/dm-0/slaves/sdb",
	    "../../../../platform/host3/session1/block/sdb");
	expect("network-root", false, "(iSCSI)");
	put("/proc/self/mountinfo",
	    "22 1 43:0 / / rw - ext4 /dev/nbd0 rw\n");
	put_link("/sys/dev/block/43:0", "../../devices/virtual/block/nbd0");
	put("/sys/devices/virtual/block/nbd0/size", "1");
	expect("network-root", false, "(nbd)");
}

static void
test_the_early_unit(void **state)
{
	static const char unit[] = "/cordon-agent-restore.service";
	char path[128];

	(void)state;
	put_link("/run/systemd/system/cordon-agent-restore.service",
	    "/dev/null");
	expect("early-unit", false, "is masked");
	unlink(in_root("/run/systemd/system/cordon-agent-restore.service"));
	expect("early-unit", true, "");
	snprintf(path, sizeof(path),
	    "/etc/systemd/system/sysinit.target.wants%s", unit);
	unlink(in_root(path));
	expect("early-unit", false, "systemctl enable");
	snprintf(path, sizeof(path), "/usr/lib/systemd/system%s", unit);
	unlink(in_root(path));
	expect("early-unit", false, "is not installed");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_tells_of_processes),
		cmocka_unit_test_setup_teardown(
		    test_an_ordinary_host_is_ready, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_else_manages_rules,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_it_runs_from, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_the_early_unit, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
