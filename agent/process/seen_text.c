/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parsers of seen.h: pure, over bytes that a process may have chosen.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/process/names.h"
#include "agent/process/seen.h"

#define DELETED " (deleted)"
#define STATE_ESTABLISHED 1 /* of TCP and of connected UDP (tcp_states.h) */

void
seen_take_exe(struct process_seen *s, const char *link, size_t len)
{
	const size_t tail = sizeof(DELETED) - 1;

	if (len > tail && memcmp(link + len - tail, DELETED, tail) == 0) {
		s->deleted = true;
		len -= tail;
	}
	if (len >= sizeof(s->exe)) {
		len = sizeof(s->exe) - 1;
		s->cut = true;
	}
	memcpy(s->exe, link, len);
	s->exe[len] = '\0';
	s->memory = strncmp(s->exe, "/memfd:", 7) == 0;
}

/* PATH as it is seen from below ROOT. */
static void
strip(char *path, const char *root)
{
	size_t n = strlen(root);

	if (strncmp(path, root, n) == 0 && path[n] == '/')
		memmove(path, path + n, strlen(path + n) + 1);
}

void
seen_take_root(struct process_seen *s, const char *link, size_t len)
{
	char root[SEEN_PATH_MAX];
	size_t i;

	if (len >= sizeof(root) || len < 2)
		return;
	memcpy(root, link, len);
	root[len] = '\0';
	memcpy(s->root, root, len + 1);
	strip(s->exe, root);
	strip(s->script, root);
	for (i = 0; i < s->ups; i++)
		strip(s->up[i].exe, root);
}

/* The text behind the line that begins with KEY; NULL. */
static const char *
field(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at == NULL ? NULL : at + strlen(key);
}

static void
take_name(struct process_seen *s, const char *text)
{
	size_t n = strcspn(text, "\n");

	if (n >= sizeof(s->name))
		n = sizeof(s->name) - 1;
	memcpy(s->name, text, n);
	s->name[n] = '\0';
}

bool
seen_take_status(struct process_seen *s, const char *text)
{
	/* A name has no newline in it (it is escaped): lines are lines. */
	const char *uid = field(text, "\nUid:\t");
	const char *parent = field(text, "\nPPid:\t");
	const char *tracer = field(text, "\nTracerPid:\t");
	const char *caps = field(text, "\nCapPrm:\t");
	const char *state = field(text, "\nState:\t");
	unsigned int id[4];

	if (strncmp(text, "Name:\t", 6) != 0 || uid == NULL ||
	    parent == NULL || sscanf(uid, "%u %u %u %u", &id[0], &id[1],
	    &id[2], &id[3]) != 4)
		return false;
	take_name(s, text + 6);
	s->uid = id[0];
	s->euid = id[1];
	s->was_root = id[0] == 0 || id[1] == 0 || id[2] == 0 || id[3] == 0;
	s->parent = (pid_t)strtol(parent, NULL, 10);
	s->tracer = tracer == NULL ? 0 : (pid_t)strtol(tracer, NULL, 10);
	s->state = state == NULL ? '\0' : *state;
	s->may_setuid = caps != NULL &&
	    (strtoull(caps, NULL, 16) >> CAP_SETUID & 1) != 0;
	return true;
}

void
seen_take_args(struct seen_args *a, const char *data, size_t len)
{
	if (len >= sizeof(a->text))
		len = sizeof(a->text) - 1;
	memcpy(a->text, data, len);
	while (len > 0 && a->text[len - 1] == '\0')
		len--;
	a->len = len == 0 ? 0 : len + 1;
	memset(a->text + len, 0, sizeof(a->text) - len);
}

void
seen_take_preload(struct process_seen *s, const char *data, size_t len)
{
	static const char *const names[] = {"LD_PRELOAD=", "LD_AUDIT=",
	    "LD_LIBRARY_PATH="};
	const char *at = data, *end = data + len;
	size_t i, n;

	for (; at < end; at += n + 1) {
		n = strnlen(at, (size_t)(end - at));
		for (i = 0; i < 3; i++) {
			size_t key = strlen(names[i]);

			if (n <= key || strncmp(at, names[i], key) != 0)
				continue;
			/* A folder that anybody may fill, no other one. */
			if (i == 2 && place_of(at + key) != PLACE_VOLATILE)
				continue;
			n -= key;
			at += key;
			snprintf(s->preload, sizeof(s->preload), "%.*s",
			    (int)(n < sizeof(s->preload) ? n :
			    sizeof(s->preload) - 1), at);
			return;
		}
	}
}

const char *
seen_arg(const struct seen_args *a, size_t nr)
{
	size_t at = 0;

	for (; nr > 0 && at < a->len; nr--)
		at += strlen(a->text + at) + 1;
	return at < a->len ? a->text + at : NULL;
}

/* -- how an interpreter was called ------------------------------------- */

/*
 * Letters of options: CODE is followed by code, VALUE by a value, both in
 * the same argument or the next; REST takes what is left of its argument.
 */
struct language {
	const char *name;
	const char *code, *value, *rest;
};

static const struct language shell = {"", "c", "oO", ""};
static const struct language languages[] = {
	{"python", "c", "WXmQ", ""},
	{"perl", "eE", "", "MmIxCFilDd0"},
	{"ruby", "e", "rIC", "FKTWx0"},
	{"php", "rBRE", "cdz", ""},
	{"lua", "e", "l", ""},
	{"node", "ep", "r", ""},
};

static const struct language *
language_of(const char *exe)
{
	const char *name = name_of(exe);
	size_t i;

	for (i = 0; i < sizeof(languages) / sizeof(languages[0]); i++)
		if (strncmp(name, languages[i].name,
		    strlen(languages[i].name)) == 0)
			return &languages[i];
	return &shell;
}

/* Options with one '-', argument *NR; *NR moves over a value.  True: the
 * script is known now. */
static bool
take_letters(const struct language *l, const struct seen_args *a, size_t *nr,
    struct seen_script *out)
{
	const char *at = seen_arg(a, *nr) + 1, *more;

	for (; *at != '\0'; at++) {
		out->interactive |= *at == 'i' && l == &shell;
		if (strchr(l->rest, *at) != NULL)
			return false;
		more = at[1] != '\0' && l != &shell ? at + 1 :
		    seen_arg(a, *nr + 1);
		if (strchr(l->code, *at) != NULL) {
			/* "-lic code": the other letters are options too */
			out->interactive |= l == &shell &&
			    strchr(at, 'i') != NULL;
			out->code = more != NULL ? more : at;
			return true;
		}
		if (strchr(l->value, *at) == NULL)
			continue;
		*nr += more != at + 1;
		if (*at == 'm') /* a module that is installed */
			out->path = more;
		return out->path != NULL;
	}
	return false;
}

/* Options with two; the same. */
static bool
take_word(const struct seen_args *a, size_t *nr, struct seen_script *out)
{
	const char *word = seen_arg(a, *nr);

	if (strcmp(word, "--eval") == 0) {
		out->code = seen_arg(a, *nr + 1);
		return true;
	}
	*nr += strcmp(word, "--rcfile") == 0 ||
	    strcmp(word, "--init-file") == 0;
	return false;
}

static void
awk_script(const struct seen_args *a, struct seen_script *out)
{
	const char *arg;
	size_t i;

	for (i = 1; (arg = seen_arg(a, i)) != NULL; i++) {
		if (strcmp(arg, "-f") == 0) {
			out->path = seen_arg(a, i + 1);
			return;
		}
		if (arg[0] != '-') {
			out->code = arg;
			return;
		}
		i += strcmp(arg, "-F") == 0 || strcmp(arg, "-v") == 0;
	}
}

/* ld.so(8): options have two dashes, some a value behind. */
static void
loader_script(const struct seen_args *a, struct seen_script *out)
{
	static const char *const values[] = {"--library-path", "--preload",
	    "--audit", "--argv0", "--inhibit-rpath",
	    "--glibc-hwcaps-prepend", "--glibc-hwcaps-mask"};
	const char *arg;
	size_t i, k;

	for (i = 1; (arg = seen_arg(a, i)) != NULL && arg[0] == '-'; i++)
		for (k = 0; k < sizeof(values) / sizeof(values[0]); k++)
			i += strcmp(arg, values[k]) == 0;
	out->path = arg;
}

void
seen_script(const char *exe, const struct seen_args *a,
    struct seen_script *out)
{
	const struct language *l = language_of(exe);
	const char *arg = seen_arg(a, 0);
	size_t i = 1;

	memset(out, 0, sizeof(*out));
	if (strstr(name_of(exe), "awk") != NULL) {
		awk_script(a, out);
		return;
	}
	if (name_is_loader(exe)) {
		loader_script(a, out);
		return;
	}
	if (arg != NULL && strcmp(name_of(exe), "busybox") == 0 &&
	    strcmp(name_of(arg), "busybox") == 0)
		i = 2;
	for (; (arg = seen_arg(a, i)) != NULL; i++) {
		if ((arg[0] != '-' && arg[0] != '+') ||
		    strcmp(arg, "--") == 0)
			break;
		if (strcmp(arg, "-") == 0 || strcmp(arg, "-s") == 0)
			return;
		if (arg[1] == '-' ? take_word(a, &i, out) :
		    take_letters(l, a, &i, out))
			return;
	}
	if (arg != NULL && strcmp(arg, "--") == 0)
		arg = seen_arg(a, i + 1);
	out->path = arg;
}

/* -- sockets ----------------------------------------------------------- */

/* Words of an address as the kernel prints it: each in host order. */
static bool
parse_address(const char *text, bool v6, char *out, size_t size)
{
	uint32_t word[4] = {0};
	unsigned int port, i, words = v6 ? 4 : 1;
	char part[9] = "", ip[INET6_ADDRSTRLEN];

	for (i = 0; i < words; i++) {
		memcpy(part, text + 8 * i, 8);
		if (sscanf(part, "%" SCNx32, &word[i]) != 1)
			return false;
	}
	if (sscanf(text + 8 * words, ":%x", &port) != 1 || port == 0)
		return false;
	if (inet_ntop(v6 ? AF_INET6 : AF_INET, word, ip, sizeof(ip)) == NULL)
		return false;
	snprintf(out, size, v6 ? "[%s]:%u" : "%s:%u", ip, port);
	return true;
}

bool
seen_peer(const char *text, bool v6, uint64_t inode,
    char out[SEEN_PEER_MAX])
{
	const size_t width = v6 ? 32 : 8;
	const char *line = text, *next;
	char remote[48];
	unsigned long long n;
	unsigned int state;

	for (; line != NULL && *line != '\0'; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			next++;
		/* sl local remote st queues timer retrnsmt uid to inode */
		if (sscanf(line, "%*u: %*40s %47s %x %*s %*s %*s %*u %*u "
		    "%llu", remote, &state, &n) != 3 || n != inode)
			continue;
		return state == STATE_ESTABLISHED &&
		    strlen(remote) > width + 1 &&
		    parse_address(remote, v6, out, SEEN_PEER_MAX);
	}
	return false;
}
