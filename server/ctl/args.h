/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line: commands, which options each takes, how each option is
 * read.  Everything is in two tables (commands.c, args.c).  Pure.
 */
#ifndef CORDON_SERVER_CTL_ARGS_H
#define CORDON_SERVER_CTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/err.h"
#include "server/ctl/text.h"

#define ARGS_POS_MAX 1000
#define ARGS_LIST_MAX 32

struct arg_list {
	const char *item[ARGS_LIST_MAX];
	size_t n;
};

/* All options of all commands; what was not given is NULL, 0, false, -1. */
struct args {
	const char *conf, *lang;
	bool json, utc, help, version;
	const char *reason, *case_id, *group, *stage, *tier, *state, *kind;
	const char *severity, *outcome, *format, *from, *to, *out, *key;
	const char *profile, *url, *ca_sha256, *token, *never, *drill;
	const char *service, *owner;
	const char *sha256, *path, *user, *address, *process;
	int64_t wait, stay; /* seconds */
	int64_t expect, timeout, after, limit, ttl, uses, minutes, review;
	bool offline, text, qr, plan_only, preview, yes, no_wait, follow;
	bool for_group;
	struct arg_list hosts, roles;
	const char *pos[ARGS_POS_MAX];
	size_t npos;
};

struct ctl;

struct command {
	const char *name, *sub; /* sub NULL: none */
	unsigned int pos_min, pos_max;
	const char *options; /* names it takes, a comma behind each */
	const char *usage;   /* behind "cordonctl " */
	const char *example;
	enum text help;
	int (*fn)(struct ctl *c); /* exit code */
	bool offline; /* needs no configuration */
};

/* The table; ends with a row whose name is NULL. */
extern const struct command commands[];

/*
 * Read ARGV into A and find the command; *CMD is NULL when only --help or
 * --version was asked for.  ERR_SYNTAX with WHY; *CMD may be set then, to
 * name the right usage.
 */
int args_parse(int argc, char *const *argv, struct args *a,
    const struct command **cmd, struct why *why);
/* --help of one command, or of all (NULL). */
void args_help(FILE *out, const struct command *cmd, enum lang lang);

#endif
