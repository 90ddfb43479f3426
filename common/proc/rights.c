/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Dropping rights for good (capabilities(7), credentials(7)).  Runs in
 * main() of every process of ours before there is a loop or a thread.
 * What was asked of the kernel is read back and compared: a call that
 * "worked" is not believed.
 */
#include "common/proc/rights.h"

#include <cap-ng.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/text.h"

#define CAP_BIT(c) (UINT64_C(1) << (c))

/* Locked, so that nothing later can bring the old meaning of uid 0 back. */
#define SECURE_BITS                                                            \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |       \
	    SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |          \
	    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

struct caps {
	uint64_t effective, permitted, inheritable;
};

/* Who we shall be, worked out before anything is given up. */
struct target {
	uid_t uid;
	gid_t gid;
	uint64_t keep, bounding;
	bool change; /* false: an ordinary user that stays what it is */
};

/* What the kernel says we are (/proc/self/status, proc(5)). */
struct seen {
	unsigned long uid[4], gid[4];
	uint64_t inh, prm, eff, bnd, amb;
	int no_new_privs;
	bool groups; /* any supplementary group */
	unsigned int found; /* how many of the lines were there */
};
#define SEEN_LINES 9

static int
caps_get(struct caps *c)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d) < 0)
		return -1;
	c->effective = d[0].effective | (uint64_t)d[1].effective << 32;
	c->permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
	c->inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
	return 0;
}

static int
caps_set(uint64_t effective, uint64_t permitted)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {0};

	d[0].effective = (uint32_t)effective;
	d[1].effective = (uint32_t)(effective >> 32);
	d[0].permitted = (uint32_t)permitted;
	d[1].permitted = (uint32_t)(permitted >> 32);
	return syscall(SYS_capset, &h, d) < 0 ? -1 : 0;
}

bool
rights_may(int cap)
{
	struct caps have;

	return caps_get(&have) == 0 && (have.permitted & CAP_BIT(cap)) != 0;
}

int
rights_find_user(const char *user, uid_t *uid, gid_t *gid, struct why *why)
{
	const struct passwd *pw;
	int64_t n;
	int rc;

	if (user == NULL) {
		*uid = getuid();
		*gid = getgid();
		return 0;
	}
	/* UINT32_MAX is "no change", chown(2). */
	rc = text_number(user, 0, UINT32_MAX - 1, &n);
	if (rc == ERR_RANGE)
		return why_set(why, ERR_CONFIG, "user %s: no such number",
		    user);
	if (rc == 0) {
		*uid = (uid_t)n;
		*gid = (gid_t)n;
		return 0;
	}
	pw = getpwnam(user);
	if (pw == NULL)
		return why_set(why, ERR_CONFIG, "user %s: there is no such "
		    "user on this host; make one, or name another", user);
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return 0;
}

/*
 * Take all but KEEP from the bounding set.  Without CAP_SETPCAP that is
 * not possible; then it must not matter: see verify().
 */
static int
drop_bounding(uint64_t keep, struct why *why)
{
	int c, in;

	for (c = 0; c < 64; c++) {
		in = prctl(PR_CAPBSET_READ, c, 0, 0, 0);
		if (in < 0)
			break; /* past the kernel's last capability */
		if (in == 0 || (keep & CAP_BIT(c)))
			continue;
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
			return why_sys(why, ERR_PERM, "cannot drop "
			    "capability %d from the bounding set", c);
	}
	return 0;
}

/*
 * Dropping a second time, after narrow() locked the bits: a change of user
 * takes no capability then, and PR_SET_KEEPCAPS is refused.
 */
static bool
user_fixup_off(void)
{
	int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);

	return bits >= 0 && (bits & SECBIT_NO_SETUID_FIXUP);
}

static int
become(const struct target *t, struct why *why)
{
	struct caps have;
	bool locked = user_fixup_off();

	if (t->change) {
		if (setgroups(0, NULL) < 0)
			return why_sys(why, ERR_PERM, "setgroups");
		if (setresgid(t->gid, t->gid, t->gid) < 0)
			return why_sys(why, ERR_PERM, "setresgid");
		/* Else the change of user would take all capabilities. */
		if (!locked && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
			return why_sys(why, ERR_PERM, "PR_SET_KEEPCAPS");
		if (setresuid(t->uid, t->uid, t->uid) < 0)
			return why_sys(why, ERR_PERM, "setresuid");
		if (!locked && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
			return why_sys(why, ERR_PERM, "PR_SET_KEEPCAPS");
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return why_sys(why, ERR_PERM, "PR_CAP_AMBIENT_CLEAR_ALL");
	if (caps_get(&have) < 0)
		return why_sys(why, ERR_PERM, "capget");
	if (t->keep & ~have.permitted)
		return why_set(why, ERR_PERM, "a capability that must be "
		    "kept is not there (permitted %#llx, asked %#llx); is "
		    "the program started as root, and does its unit allow it?",
		    (unsigned long long)have.permitted,
		    (unsigned long long)t->keep);
	return 0;
}

/* Lock the secure bits where we still may, then keep just the KEEP set. */
static int
narrow(const struct target *t, bool pass_on, struct why *why)
{
	struct caps have;

	if (caps_get(&have) < 0)
		return why_sys(why, ERR_PERM, "capget");
	if (!pass_on && (have.permitted & CAP_BIT(CAP_SETPCAP))) {
		if (caps_set(t->keep | CAP_BIT(CAP_SETPCAP),
			t->keep | CAP_BIT(CAP_SETPCAP)) < 0 ||
		    prctl(PR_SET_SECUREBITS, SECURE_BITS, 0, 0, 0) < 0)
			return why_sys(why, ERR_PERM, "PR_SET_SECUREBITS");
	}
	if (caps_set(t->keep, t->keep) < 0)
		return why_sys(why, ERR_PERM, "capset");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return why_sys(why, ERR_PERM, "PR_SET_NO_NEW_PRIVS");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return why_sys(why, ERR_PERM, "PR_SET_DUMPABLE");
	return 0;
}

/* -- reading back ---------------------------------------------------------- */

static void
see_line(struct seen *s, const char *line)
{
	unsigned long long v;
	char first;

	if (sscanf(line, "Uid: %lu %lu %lu %lu", &s->uid[0], &s->uid[1],
		&s->uid[2], &s->uid[3]) == 4 ||
	    sscanf(line, "Gid: %lu %lu %lu %lu", &s->gid[0], &s->gid[1],
		&s->gid[2], &s->gid[3]) == 4 ||
	    sscanf(line, "NoNewPrivs: %d", &s->no_new_privs) == 1) {
		s->found++;
	} else if (strncmp(line, "Groups:", 7) == 0) {
		s->groups = sscanf(line + 7, " %c", &first) == 1;
		s->found++;
	} else if (strncmp(line, "Cap", 3) == 0 &&
	    sscanf(line + 6, ": %llx", &v) == 1) {
		if (strncmp(line, "CapInh", 6) == 0)
			s->inh = v;
		else if (strncmp(line, "CapPrm", 6) == 0)
			s->prm = v;
		else if (strncmp(line, "CapEff", 6) == 0)
			s->eff = v;
		else if (strncmp(line, "CapBnd", 6) == 0)
			s->bnd = v;
		else if (strncmp(line, "CapAmb", 6) == 0)
			s->amb = v;
		else
			return;
		s->found++;
	}
}

static int
see(struct seen *s, struct why *why)
{
	char line[4096];
	FILE *f;

	memset(s, 0, sizeof(*s));
	f = fopen("/proc/self/status", "re");
	if (f == NULL)
		return why_sys(why, ERR_PERM, "cannot read back our rights: "
		    "/proc/self/status");
	while (fgets(line, sizeof(line), f) != NULL)
		see_line(s, line);
	fclose(f);
	if (s->found != SEEN_LINES)
		return why_set(why, ERR_PERM, "cannot read back our rights: "
		    "/proc/self/status has not all lines");
	return 0;
}

static int
verify(const struct target *t, struct why *why)
{
	const char *wrong = NULL;
	uid_t r, e, s;
	gid_t rg, eg, sg;
	struct seen now;
	int err, i;

	err = see(&now, why);
	if (err != 0)
		return err;
	if (getresuid(&r, &e, &s) < 0 || getresgid(&rg, &eg, &sg) < 0 ||
	    r != t->uid || e != t->uid || s != t->uid || rg != t->gid ||
	    eg != t->gid || sg != t->gid)
		wrong = "user or group";
	for (i = 0; i < 4; i++)
		if (now.uid[i] != t->uid || now.gid[i] != t->gid)
			wrong = "user or group";
	if (now.groups && t->change)
		wrong = "supplementary groups";
	if (now.prm != t->keep || now.eff != t->keep)
		wrong = "permitted or effective capabilities";
	if (now.inh != 0 || now.amb != 0)
		wrong = "inheritable or ambient capabilities";
	/*
	 * An ordinary user cannot empty it, and with nothing permitted and
	 * no_new_privs nothing can be gained through it either.
	 */
	if (now.bnd != t->bounding && !(now.prm == 0 && t->uid != 0))
		wrong = "the bounding set";
	if (now.no_new_privs != 1)
		wrong = "no_new_privs";
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		wrong = "dumpable";
	if (wrong != NULL)
		return why_set(why, ERR_PERM, "rights were not dropped as "
		    "asked: %s", wrong);
	return 0;
}

int
rights_drop(const struct rights *r, struct why *why)
{
	const struct right *k;
	struct target t = {0};
	struct caps have;
	int death = 0, err;

	err = rights_find_user(r->user, &t.uid, &t.gid, why);
	if (err != 0)
		return err;
	for (k = r->keep; k != NULL && k->cap >= 0; k++)
		t.keep |= CAP_BIT(k->cap);
	t.bounding = r->pass_on ? t.keep : 0;
	t.change = getuid() == 0 || geteuid() == 0 || t.uid != getuid() ||
	    t.uid != geteuid() || t.gid != getgid() || t.gid != getegid();
	/* A change of user clears it (prctl(2)); we want it kept. */
	if (prctl(PR_GET_PDEATHSIG, &death, 0, 0, 0) < 0 ||
	    caps_get(&have) < 0)
		return why_sys(why, ERR_PERM, "cannot read our rights");
	if (have.effective & CAP_BIT(CAP_SETPCAP))
		err = drop_bounding(t.bounding, why);
	if (err == 0)
		err = become(&t, why);
	if (err == 0)
		err = narrow(&t, r->pass_on, why);
	if (err == 0 && prctl(PR_SET_PDEATHSIG, death, 0, 0, 0) < 0)
		err = why_sys(why, ERR_PERM, "PR_SET_PDEATHSIG");
	return err != 0 ? err : verify(&t, why);
}

void
rights_print(const struct rights *r, const struct syscall_rule *rules)
{
	const struct right *k;
	const struct syscall_rule *s;

	printf("user: %s\n", r->user != NULL ? r->user : "stays as started");
	printf("capabilities:\n");
	if (r->keep == NULL || r->keep->cap < 0)
		printf("  none\n");
	for (k = r->keep; k != NULL && k->cap >= 0; k++)
		printf("  cap_%-20s %s\n",
		    capng_capability_to_name((unsigned int)k->cap), k->reason);
	if (rules == NULL)
		return;
	printf("system calls of its own:\n");
	for (s = rules; s->name != NULL; s++)
		printf("  %-24s %s\n", s->name, s->reason);
	printf("system calls of every process:\n");
	for (s = sandbox_common(); s->name != NULL; s++)
		printf("  %-24s %s\n", s->name, s->reason);
}
