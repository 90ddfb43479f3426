/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Loading and hanging up our BPF programs, over libbpf.  Runs in the guard.
 * The object file is part of this program: nothing is read from disk.
 */
#include "agent/guard/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"

/* Of linux/bpf.h since 6.6; older headers do not have them. */
#define TCX_EGRESS 47
#define RUN_BEFORE (1u << 3) /* BPF_F_BEFORE: of all that are there */

static const uint8_t object_file[] = {
#include "agent/guard/program.inc"
};

static const char *const names_in[] = {PROGRAM_IN_FRAME, PROGRAM_IN_PACKET,
    PROGRAM_IN_ANY};
static const char *const names_out[] = {PROGRAM_OUT_FRAME,
    PROGRAM_OUT_PACKET, PROGRAM_OUT_ANY};

struct programs {
	struct bpf_object *object;
	int in[3], out[3]; /* by shape; of the object */
};

/* libbpf explains at length; for people the errno is enough. */
static int quiet(enum libbpf_print_level level, const char *fmt,
    va_list args) __attribute__((format(printf, 2, 0)));

static int
quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char text[512];

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug("%s", text);
	return 0;
}

static int
set_rules(struct bpf_object *o, const struct program_rules *rules,
    bool frags)
{
	struct program_rules all = *rules;
	struct bpf_map *m;

	all.frags = frags;
	bpf_object__for_each_map(m, o)
		if (bpf_map__value_size(m) == sizeof(all))
			return bpf_map__set_initial_value(m, &all,
			    sizeof(all));
	return -ENOENT;
}

/* Large receive offload gives XDP more than one buffer; older kernels do
 * not know that, and need none of it. */
static void
allow_frags(struct bpf_object *o, bool allow)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, o)
		if (bpf_program__type(p) == BPF_PROG_TYPE_XDP)
			bpf_program__set_flags(p, allow ?
			    BPF_F_XDP_HAS_FRAGS : 0);
}

static int
open_and_load(const struct program_rules *rules, bool frags,
    struct bpf_object **out)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "cordon");
	struct bpf_object *o;
	int rc;

	o = bpf_object__open_mem(object_file, sizeof(object_file), &opts);
	if (o == NULL)
		return -errno;
	allow_frags(o, frags);
	rc = set_rules(o, rules, frags);
	if (rc == 0)
		rc = bpf_object__load(o);
	if (rc != 0) {
		bpf_object__close(o);
		return rc;
	}
	*out = o;
	return 0;
}

static int
find(struct bpf_object *o, const char *name)
{
	struct bpf_program *p = bpf_object__find_program_by_name(o, name);

	return p != NULL ? bpf_program__fd(p) : -1;
}

int
programs_load(const struct program_rules *rules, struct programs **out,
    struct why *why)
{
	struct programs *p;
	size_t i;
	int rc;

	libbpf_set_print(quiet);
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return why_set(why, ERR_NOMEM, "programs");
	rc = open_and_load(rules, true, &p->object);
	if (rc != 0)
		rc = open_and_load(rules, false, &p->object);
	if (rc != 0) {
		free(p);
		return why_set(why, ERR_UNSUPP, "the kernel does not take "
		    "our BPF programs: %s", strerror(-rc));
	}
	for (i = 0; i < 3; i++) {
		p->in[i] = find(p->object, names_in[i]);
		p->out[i] = find(p->object, names_out[i]);
	}
	*out = p;
	return 0;
}

void
programs_free(struct programs **p)
{
	if (*p == NULL)
		return;
	bpf_object__close((*p)->object);
	free(*p);
	*p = NULL;
}

int
programs_in(const struct programs *p, enum shape shape)
{
	return p->in[shape];
}

int
programs_out(const struct programs *p, enum shape shape)
{
	return p->out[shape];
}

/* -- links ----------------------------------------------------------------- */

static int
hang(int program, uint32_t index, enum bpf_attach_type where, uint32_t flags,
    int *link)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	int fd = bpf_link_create(program, (int)index, where, &opts);

	if (fd < 0)
		return fd; /* -errno */
	*link = fd;
	return 0;
}

int
hook_in(int program, uint32_t index, uint32_t flags, int *link)
{
	return hang(program, index, BPF_XDP, flags, link);
}

int
hook_out(int program, uint32_t index, int *link)
{
	return hang(program, index, (enum bpf_attach_type)TCX_EGRESS,
	    RUN_BEFORE, link);
}

int
hook_swap(int link, int program)
{
	return bpf_link_update(link, program, NULL);
}

void
hook_free(int *link)
{
	if (*link < 0)
		return;
	/* Closing alone leaves it to a worker of the kernel. */
	bpf_link_detach(*link);
	close(*link);
	*link = -1;
}

static bool
link_info(int link, struct bpf_link_info *info)
{
	uint32_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return link >= 0 && bpf_obj_get_info_by_fd(link, info, &len) == 0;
}

/* xdp.ifindex and tcx.ifindex are the first field of the same union. */
uint32_t
hook_device(int link)
{
	struct bpf_link_info info;

	return link_info(link, &info) ? info.xdp.ifindex : 0;
}

uint32_t
hook_program(int link)
{
	struct bpf_link_info info;

	return link_info(link, &info) ? info.prog_id : 0;
}

uint32_t
hook_stranger(int link, int program)
{
	struct bpf_prog_info info;
	uint32_t len = sizeof(info), id = hook_program(link);

	memset(&info, 0, sizeof(info));
	if (id == 0 || hook_device(link) == 0 ||
	    bpf_obj_get_info_by_fd(program, &info, &len) != 0)
		return 0;
	return id == info.id ? 0 : id;
}

void
programs_name(int program, char out[PROGRAMS_NAME_MAX])
{
	struct bpf_prog_info info;
	uint32_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (bpf_obj_get_info_by_fd(program, &info, &len) != 0 ||
	    info.name[0] == '\0')
		info.name[0] = '?';
	snprintf(out, PROGRAMS_NAME_MAX, "%.15s", info.name);
}

uint32_t
hook_out_first(uint32_t index)
{
	uint32_t ids[64] = {0}, n = 64, flags;

	if (bpf_prog_query((int)index, (enum bpf_attach_type)TCX_EGRESS, 0,
	    &flags, ids, &n) != 0 || n == 0)
		return 0;
	return ids[0];
}
