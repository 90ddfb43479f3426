/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * BPF programs in the kernel, by their ids (bpf(2)).  Those of control
 * groups come with each service and container and are left out.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/state/bpf.h"
#include "agent/state/peek.h"
#include "common/proc/bpfid.h"

#define SEVERITY(x) CORDON__SEVERITY__SEVERITY_##x
#define EVERY_S 60
#define PROGRAMS_MAX 1024
#define KNOWN_MAX 1024

/* Numbers of enum bpf_prog_type; later kernels have more. */
static const struct {
	unsigned int type;
	const char *words;
} types[] = {
	{2, "kprobe"}, {3, "packet classifier"}, {4, "packet action"},
	{5, "tracepoint"}, {6, "XDP"}, {7, "perf event"},
	{17, "raw tracepoint"}, {24, "writable raw tracepoint"},
	{26, "tracing"}, {27, "program of a kernel structure"},
	{28, "replacement of another program"},
	{29, "security module"}, {32, "netfilter"},
};

const char *
bpf_type_words(unsigned int type)
{
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].type == type)
			return types[i].words;
	return NULL;
}

static int
add_program(int fd, uint32_t id, struct facts *out)
{
	struct bpf_prog_info info;
	char key[96];

	if (!bpfid_info(fd, &info, sizeof(info)) ||
	    bpf_type_words(info.type) == NULL)
		return 0;
	/* The tag is a digest of what it does. */
	snprintf(key, sizeof(key), "%u %02x%02x%02x%02x%02x%02x%02x%02x "
	    "%.16s", info.type, info.tag[0], info.tag[1], info.tag[2],
	    info.tag[3], info.tag[4], info.tag[5], info.tag[6], info.tag[7],
	    info.name);
	return facts_addf(out, key, "%u by uid %u", id,
	    info.created_by_uid);
}

static int
bpf_read(const struct state_env *env, struct facts *out, struct why *why)
{
	struct facts *now = facts_new();
	uint32_t id = 0;
	int fd, r = now == NULL ? ERR_NOMEM : 0, left = PROGRAMS_MAX;

	/* The kernel that runs is asked, not a tree. */
	while (r == 0 && env->root[0] == '\0' && left-- > 0) {
		fd = bpfid_next(BPFID_PROGRAM, &id);
		if (fd < 0)
			break; /* the last one, or not permitted */
		r = add_program(fd, id, now);
		close(fd);
	}
	if (r == 0)
		r = facts_seal(now);
	if (r == 0)
		r = peek_keep_first(env->was, now, out, KNOWN_MAX);
	facts_free(&now);
	return r == 0 ? 0 : why_set(why, r, "BPF programs");
}

static bool
bpf_tell(const struct fact_change *c, struct state_told *out)
{
	char name[PEEK_QUOTED_MAX], object[64];
	unsigned int type, id;
	int at = 0;

	if (c->how != FACT_ADDED || sscanf(c->key, "%u %*s %n", &type,
	    &at) != 1 || at == 0 || sscanf(c->is, "%u", &id) != 1 ||
	    bpf_type_words(type) == NULL)
		return false;
	peek_quote(name, c->key + at);
	snprintf(object, sizeof(object), "BPF program %u", id);
	/* Our own guard's are told too, but alarm nobody: names can lie. */
	return peek_tell(out, "kernel.bpf", strncmp(c->key + at, "cordon_",
	    7) == 0 ? SEVERITY(INFO) : SEVERITY(NONE), object,
	    "BPF program %s (%s, id %s) was loaded into the kernel", name,
	    bpf_type_words(type), c->is);
}

const struct state_source bpf_source = {
	.name = "bpf",
	.every_s = EVERY_S,
	.read = bpf_read,
	.tell = bpf_tell,
};
