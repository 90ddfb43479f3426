/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Taint, command line, release and boot of the kernel.
 */
#include "agent/state/kernel.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/peek.h"

#define SEVERITY(x) CORDON__SEVERITY__SEVERITY_##x
#define EVERY_S 30

/* By bit: Documentation/admin-guide/tainted-kernels.rst. */
static const struct {
	const char *words;
	Cordon__Severity severity; /* when it comes */
} taints[] = {
	{"a proprietary module", SEVERITY(LOW)},
	{"a module loaded by force", SEVERITY(HIGH)},
	{"an unsafe processor", SEVERITY(INFO)},
	{"a module removed by force", SEVERITY(HIGH)},
	{"a machine check", SEVERITY(INFO)},
	{"a bad page", SEVERITY(LOW)},
	{"asked for by a program", SEVERITY(MEDIUM)},
	{"an oops", SEVERITY(MEDIUM)},
	{"an overridden ACPI table", SEVERITY(HIGH)},
	{"a warning", SEVERITY(INFO)},
	{"a staging driver", SEVERITY(LOW)},
	{"a firmware workaround", SEVERITY(INFO)},
	{"a module built outside the kernel", SEVERITY(MEDIUM)},
	{"a module without a valid signature", SEVERITY(HIGH)},
	{"a soft lockup", SEVERITY(INFO)},
	{"a live patch", SEVERITY(HIGH)},
	{"a reason of the distribution", SEVERITY(INFO)},
	{"randomised structures", SEVERITY(INFO)},
	{"a kernel test", SEVERITY(LOW)},
	{"a firmware hole used by a program", SEVERITY(MEDIUM)},
};
#define NTAINTS (sizeof(taints) / sizeof(taints[0]))

void
kernel_taint_words(uint64_t bits, char *out, size_t size)
{
	size_t i, len = 0;

	out[0] = '\0';
	for (i = 0; i < 64 && len < size; i++) {
		if ((bits >> i & 1) == 0)
			continue;
		if (i < NTAINTS)
			len += (size_t)snprintf(out + len, size - len,
			    "%s%s", len > 0 ? ", " : "", taints[i].words);
		else
			len += (size_t)snprintf(out + len, size - len,
			    "%sbit %zu", len > 0 ? ", " : "", i);
	}
}

static Cordon__Severity
taint_severity(uint64_t bits)
{
	Cordon__Severity worst = SEVERITY(INFO);
	size_t i;

	for (i = 0; i < NTAINTS; i++)
		if ((bits >> i & 1) != 0 && taints[i].severity > worst)
			worst = taints[i].severity;
	return worst;
}

static int
kernel_read(const struct state_env *env, struct facts *out, struct why *why)
{
	static const struct {
		const char *key, *path;
	} texts[] = {
		{"taint", "/proc/sys/kernel/tainted"},
		{"command line", "/proc/cmdline"},
		{"release", "/proc/sys/kernel/osrelease"},
		{"boot", "/proc/sys/kernel/random/boot_id"},
	};
	char text[4096];
	ssize_t n;
	size_t i;
	int r = 0;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]) && r == 0; i++) {
		n = peek(env, texts[i].path, text, sizeof(text));
		if (n >= 0)
			r = facts_add(out, texts[i].key, text);
		else
			r = facts_miss(out, texts[i].key);
	}
	return r == 0 ? 0 : why_set(why, r, "kernel");
}

static bool
tell_taint(const struct fact_change *c, struct state_told *out)
{
	uint64_t was = strtoull(c->was, NULL, 10);
	uint64_t is = strtoull(c->is, NULL, 10), new = is & ~was;
	char words[512], before[256];

	if (new == 0)
		return false; /* a new boot */
	kernel_taint_words(new, words, sizeof(words));
	kernel_taint_words(was, before, sizeof(before));
	return peek_tell(out, "kernel.tainted", taint_severity(new),
	    "kernel taint", "the kernel became tainted by %s (was: %s)",
	    words, was == 0 ? "not tainted" : before);
}

static bool
kernel_tell(const struct fact_change *c, struct state_told *out)
{
	char was[PEEK_QUOTED_MAX], is[PEEK_QUOTED_MAX];

	if (c->how != FACT_CHANGED)
		return false;
	if (strcmp(c->key, "taint") == 0)
		return tell_taint(c, out);
	peek_quote(was, c->was);
	peek_quote(is, c->is);
	if (strcmp(c->key, "command line") == 0)
		return peek_tell(out, "kernel.command-line", SEVERITY(NONE),
		    "/proc/cmdline", "the kernel was started with another "
		    "command line: %s (was: %s)", is, was);
	if (strcmp(c->key, "release") == 0)
		return peek_tell(out, "kernel.release", SEVERITY(NONE),
		    "kernel", "the kernel is now %s (was %s)", is, was);
	return peek_tell(out, "kernel.booted", SEVERITY(NONE), "kernel",
	    "the host was started anew (boot %.8s, before %.8s)", is, was);
}

const struct state_source kernel_source = {
	.name = "kernel",
	.every_s = EVERY_S,
	.read = kernel_read,
	.tell = kernel_tell,
};
