/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A question (packed SweepAsk, its length in front) against facts and tables
 * of sockets that an attacker wrote: the rest of the input, line by line, as
 * "key|value" of accounts and peers, and as /proc/net/tcp.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/links/ask.h"
#include "agent/sensors/held.h"
#include "agent/sensors/sweep.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/wire/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct roots roots = {.path = {(char *)"/data"}, .n = 1,
    .watched = 1};
static struct sensor_env env = {.roots = &roots};
static struct facts *place[3];
static char proc[64];

static void
clean_up(void)
{
	char cmd[96];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", proc);
	if (system(cmd) != 0)
		return;
}

static void
start(void)
{
	char path[96];

	log_init("fuzz", LOG_LEVEL_ERROR);
	snprintf(proc, sizeof(proc), "/tmp/cordon-fuzz-XXXXXX");
	if (mkdtemp(proc) == NULL)
		abort();
	snprintf(path, sizeof(path), "%s/net", proc);
	if (mkdir(path, 0755) != 0 || (env.held = held_new()) == NULL)
		abort();
	atexit(clean_up);
}

static struct facts *
facts_from(char *text)
{
	struct facts *f = facts_new();
	char *line, *value;

	while ((line = strsep(&text, "\n")) != NULL) {
		value = strchr(line, '|');
		if (value != NULL)
			*value++ = '\0';
		if (facts_add(f, line, value != NULL ? value : "") != 0)
			break;
	}
	if (facts_seal(f) != 0)
		abort();
	return f;
}

static void
hold(const uint8_t *data, size_t len)
{
	char path[96], *text = malloc(len + 1);
	FILE *f;

	memcpy(text, data, len);
	text[len] = '\0';
	snprintf(path, sizeof(path), "%s/net/tcp", proc);
	f = fopen(path, "w");
	if (f == NULL || fwrite(text, 1, len, f) != len || fclose(f) != 0)
		abort();
	held_facts_take(env.held, "peers", &place[0],
	    facts_from(strdupa(text)));
	held_facts_take(env.held, "listeners", &place[1],
	    facts_from(strdupa(text)));
	held_facts_take(env.held, "accounts", &place[2], facts_from(text));
	free(text);
}

static void
check(const struct buf *b)
{
	Cordon__Sweep *got;
	size_t i;

	got = cordon__sweep__unpack(NULL, b->len, b->data);
	if (got == NULL || b->len > SWEEP_PACKED_MAX ||
	    got->n_rows > SWEEP_ROWS_MAX || got->n_rows > got->total)
		abort();
	for (i = 0; i < got->n_rows; i++)
		if (!text_printable(got->rows[i]->object,
		    strlen(got->rows[i]->object), false) ||
		    !text_printable(got->rows[i]->line,
		    strlen(got->rows[i]->line), false))
			abort();
	cordon__sweep__free_unpacked(got, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	Cordon__SweepAsk *ask;
	struct buf b;
	size_t n;

	if (env.held == NULL)
		start();
	if (len < 1 || len > 16384 || (n = data[0]) > len - 1)
		return 0;
	ask = unpack(&cordon__sweep_ask__descriptor, data + 1, n);
	if (ask == NULL)
		return 0;
	if (ask_sweep_check(ask, NULL) == 0) {
		hold(data + 1 + n, len - 1 - n);
		buf_init(&b, 128 * 1024);
		if (sweep_make(&env, proc, ask, &b) == 0)
			check(&b);
		buf_done(&b);
	}
	cordon__sweep_ask__free_unpacked(ask, NULL);
	return 0;
}
