/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Readiness of the host.  Runs in the sensors process.  Names of processes
 * and of mounts are others' and only ever compared with lists of ours.
 */
#include "agent/sensors/ready.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "common/base/file.h"

#define UNIT "cordon-agent-restore.service"
#define MOUNTS_ROOM (256 * 1024)
#define STACK_DEPTH 4 /* devices below devices: LVM on a disk and so on */
#define MIB (UINT64_C(1) << 20)
#define DISK_LOW_MIB 64
#define DISK_FULL_MIB 2

static void
set(struct ready_item *i, const char *id, bool blocks)
{
	memset(i, 0, sizeof(*i));
	i->id = id;
	i->ok = true;
	i->blocks = blocks;
}

static void __attribute__((format(printf, 2, 3)))
lost(struct ready_item *i, const char *fmt, ...)
{
	va_list ap;

	if (!i->ok)
		return; /* the first reason is told */
	i->ok = false;
	va_start(ap, fmt);
	vsnprintf(i->text, sizeof(i->text), fmt, ap);
	va_end(ap);
}

static bool
has_text(const char *root, const char *path)
{
	char full[PATH_MAX], c[2];

	return snprintf(full, sizeof(full), "%s%s", root, path) <
	    (int)sizeof(full) && file_text(full, c, sizeof(c)) > 0;
}

/* -- who else manages rules ------------------------------------------- */

static void
look_at_process(const char *name, struct ready_item *rules,
    struct ready_item *containers)
{
	static const char *const firewalls[] = {"firewalld", "shorewall",
	    "fail2ban-server", "crowdsec-firewa", "sshguard"};
	static const char *const engines[] = {"dockerd", "podman",
	    "containerd", "kubelet", "kube-proxy", "libvirtd", "lxd"};
	size_t i;

	for (i = 0; i < sizeof(firewalls) / sizeof(firewalls[0]); i++)
		if (strcmp(name, firewalls[i]) == 0)
			lost(rules, "%s changes rules by itself; after a "
			    "release they may differ from before", name);
	for (i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
		if (strcmp(name, engines[i]) == 0)
			lost(containers, "%s adds devices and rules by "
			    "itself; each is covered when it is there", name);
}

static void
look_at_processes(const char *root, struct ready_item *rules,
    struct ready_item *containers)
{
	char folder[PATH_MAX], path[PATH_MAX], name[32];
	const struct dirent *de;
	DIR *d;

	snprintf(folder, sizeof(folder), "%s/proc", root);
	d = opendir(folder);
	while (d != NULL && (de = readdir(d)) != NULL) {
		if (!isdigit((unsigned char)de->d_name[0]) ||
		    file_join(path, sizeof(path), folder, de->d_name) != 0 ||
		    strlen(path) + 6 > sizeof(path))
			continue;
		strcat(path, "/comm");
		if (file_text(path, name, sizeof(name)) <= 0)
			continue;
		name[strcspn(name, "\n")] = '\0';
		look_at_process(name, rules, containers);
	}
	if (d != NULL)
		closedir(d);
}

/* ufw(8) is no process: it is on or off in its file. */
static void
look_at_ufw(const char *root, struct ready_item *rules)
{
	char path[PATH_MAX], text[4096], *rest = text, *line;

	snprintf(path, sizeof(path), "%s/etc/ufw/ufw.conf", root);
	if (file_text(path, text, sizeof(text)) <= 0)
		return;
	while ((line = strsep(&rest, "\n")) != NULL)
		if (strcasecmp(line, "ENABLED=yes") == 0)
			lost(rules, "ufw is enabled; a change by it adds "
			    "rules beside ours");
}

/* The tables of the old interface, which nf_tables does not list. */
static void
look_at_legacy(const char *root, struct ready_item *i)
{
	if (has_text(root, "/proc/net/ip_tables_names") ||
	    has_text(root, "/proc/net/ip6_tables_names"))
		lost(i, "rules of iptables-legacy are there: the comparison "
		    "after a release does not see them");
}

/* -- what the system runs from ------------------------------------------ */

/* Not 9p and virtiofs: they come from the machine under a virtual one. */
static bool
network_type(const char *type)
{
	static const char *const types[] = {"nfs", "nfs4", "cifs", "smb3",
	    "ceph", "fuse.glusterfs", "fuse.sshfs", "afs", "lustre", "ocfs2",
	    "gfs2", "beegfs"};
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

/*
 * Is the block device at PATH (in /sys) reached over the network?  The
 * kernel's name for its place says it; then those it is made of.
 */
static const char *
network_device(const char *path, int depth)
{
	char real[PATH_MAX], slaves[PATH_MAX], next[PATH_MAX];
	const char *found = NULL;
	const struct dirent *de;
	DIR *d;

	if (depth == 0 || realpath(path, real) == NULL)
		return NULL;
	if (strstr(real, "/session") != NULL)
		return "iSCSI";
	if (strstr(real, "/block/nbd") != NULL)
		return "nbd";
	if (strstr(real, "/block/rbd") != NULL)
		return "rbd";
	if (file_join(slaves, sizeof(slaves), real, "slaves") != 0)
		return NULL;
	d = opendir(slaves);
	while (found == NULL && d != NULL && (de = readdir(d)) != NULL)
		if (de->d_name[0] != '.' &&
		    file_join(next, sizeof(next), slaves, de->d_name) == 0)
			found = network_device(next, depth - 1);
	if (d != NULL)
		closedir(d);
	return found;
}

/* Where the system cannot do without. */
static bool
needed(const char *mount, const char *state_dir)
{
	size_t n = strlen(mount);

	return strcmp(mount, "/") == 0 || strcmp(mount, "/usr") == 0 ||
	    strcmp(mount, "/var") == 0 || strcmp(mount, "/etc") == 0 ||
	    (strncmp(state_dir, mount, n) == 0 &&
		(state_dir[n] == '/' || state_dir[n] == '\0'));
}

/* One line of mountinfo, proc(5): ... M:m root mount ... - type source */
static void
look_at_mount(const char *root, char *line, const char *state_dir,
    struct ready_item *i)
{
	char *sep = strstr(line, " - "), major[32], mount[PATH_MAX], type[64];
	char path[PATH_MAX];
	const char *kind;

	if (sep == NULL || sscanf(sep, " - %63s", type) != 1 ||
	    sscanf(line, "%*s %*s %31s %*s %4095s", major, mount) != 2 ||
	    !needed(mount, state_dir))
		return;
	if (network_type(type)) {
		lost(i, "%.40s is on the network (%s): isolation cuts it off "
		    "and the host stands still", mount, type);
		return;
	}
	snprintf(path, sizeof(path), "%s/sys/dev/block/%s", root, major);
	kind = network_device(path, STACK_DEPTH);
	if (kind != NULL)
		lost(i, "%.40s is on the network (%s): isolation cuts it off "
		    "and the host stands still", mount, kind);
}

static void
look_at_mounts(const char *root, const char *state_dir,
    struct ready_item *i)
{
	char path[PATH_MAX], *text = malloc(MOUNTS_ROOM), *rest, *line;

	snprintf(path, sizeof(path), "%s/proc/self/mountinfo", root);
	rest = text;
	if (text != NULL && file_text(path, text, MOUNTS_ROOM) > 0)
		while ((line = strsep(&rest, "\n")) != NULL)
			look_at_mount(root, line, state_dir, i);
	free(text);
}

/* -- boot and disk ------------------------------------------------------ */

static bool
there(const char *root, const char *folder)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s/" UNIT, root, folder);
	return lstat(path, &st) == 0;
}

static bool
masked(const char *root, const char *folder)
{
	char path[PATH_MAX], to[64];
	ssize_t n;

	snprintf(path, sizeof(path), "%s%s/" UNIT, root, folder);
	n = readlink(path, to, sizeof(to) - 1);
	to[n > 0 ? n : 0] = '\0';
	return strcmp(to, "/dev/null") == 0;
}

static void
look_at_unit(const char *root, struct ready_item *i)
{
	const char *open = "after a reboot the host is open until the agent "
			   "starts";

	if (masked(root, "/etc/systemd/system") ||
	    masked(root, "/run/systemd/system"))
		lost(i, "%s: %s is masked", open, UNIT);
	else if (!there(root, "/usr/lib/systemd/system") &&
	    !there(root, "/lib/systemd/system") &&
	    !there(root, "/etc/systemd/system"))
		lost(i, "%s: %s is not installed", open, UNIT);
	else if (!there(root, "/etc/systemd/system/sysinit.target.wants"))
		lost(i, "%s: systemctl enable %s", open, UNIT);
}

static void
look_at_disk(const char *state_dir, struct ready_item *i)
{
	struct statfs fs;
	uint64_t mib;

	if (statfs(state_dir, &fs) < 0 || fs.f_bsize <= 0)
		return;
	mib = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize / MIB;
	i->blocks = mib < DISK_FULL_MIB;
	if (mib < DISK_LOW_MIB)
		lost(i, "%llu MiB left in the agent's folder: signals will be "
		    "dropped, and an order that cannot be stored is refused",
		    (unsigned long long)mib);
}

size_t
ready_look(const char *root, const char *state_dir,
    struct ready_item items[READY_ITEMS_MAX])
{
	enum {RULES, CONTAINERS, LEGACY, ROOT, UNITS, DISK, ITEMS};

	set(&items[RULES], "other-firewall", false);
	set(&items[CONTAINERS], "containers", false);
	set(&items[LEGACY], "iptables-legacy", false);
	set(&items[ROOT], "network-root", true);
	set(&items[UNITS], "early-unit", false);
	set(&items[DISK], "disk-space", false);
	look_at_processes(root, &items[RULES], &items[CONTAINERS]);
	look_at_ufw(root, &items[RULES]);
	look_at_legacy(root, &items[LEGACY]);
	look_at_mounts(root, state_dir, &items[ROOT]);
	look_at_unit(root, &items[UNITS]);
	look_at_disk(state_dir, &items[DISK]);
	return ITEMS;
}

void
ready_processes(bool connector, struct ready_item *item)
{
	set(item, "process-events", false);
	if (!connector)
		lost(item, "the kernel's process connector is refused: starts "
		    "are seen by fanotify, changes of name and tracing only "
		    "now and then, changes of user are not");
}

void
ready_firewall(bool notices, struct ready_item *item)
{
	set(item, "firewall-events", false);
	if (!notices)
		lost(item, "the kernel's notices of nf_tables are refused: "
		    "firewall rules that others change are not told");
}
