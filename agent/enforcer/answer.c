/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Answers.  Runs in the enforcer, pure.
 */
#include "agent/enforcer/answer.h"

#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/wire/pack.h"
#include "common/wire/unpack.h"

void
answer_init(struct answer *a, const Cordon__OrderBody *body)
{
	memset(a, 0, sizeof(*a));
	a->verdict = VERDICT_GOOD;
	if (body == NULL)
		return;
	snprintf(a->order_id, sizeof(a->order_id), "%s", body->order_id);
	a->epoch = body->epoch;
}

int
answer_pack(const struct answer *a, struct buf *out)
{
	static const uint8_t zeros[DIGEST_LEN];
	Cordon__OrderAnswer m = CORDON__ORDER_ANSWER__INIT;

	m.order_id = (char *)(uintptr_t)a->order_id;
	m.epoch = a->epoch;
	m.result = a->result;
	m.verdict = (char *)(uintptr_t)verdict_str(a->verdict);
	m.why = (char *)(uintptr_t)a->why.text;
	m.at_ms = a->at_ms;
	m.took_us = a->took_us;
	m.offline = a->offline;
	m.foreign = (char *)(uintptr_t)a->foreign;
	if (memcmp(a->digest, zeros, DIGEST_LEN) != 0) {
		m.ruleset_digest.data = (uint8_t *)(uintptr_t)a->digest;
		m.ruleset_digest.len = DIGEST_LEN;
	}
	return pack(&m.base, out);
}

static enum verdict
verdict_parse(const char *text)
{
	int v;

	for (v = VERDICT_GOOD; v < VERDICT_MALFORMED; v++)
		if (strcmp(verdict_str((enum verdict)v), text) == 0)
			break;
	return (enum verdict)v;
}

int
answer_unpack(const void *data, size_t len, struct answer *a)
{
	Cordon__OrderAnswer *m;

	m = unpack(&cordon__order_answer__descriptor, data, len);
	if (m == NULL)
		return ERR_CORRUPT;
	memset(a, 0, sizeof(*a));
	snprintf(a->order_id, sizeof(a->order_id), "%s", m->order_id);
	a->epoch = m->epoch;
	a->result = m->result;
	a->verdict = verdict_parse(m->verdict);
	snprintf(a->why.text, sizeof(a->why.text), "%s", m->why);
	a->at_ms = m->at_ms;
	a->took_us = m->took_us;
	a->offline = m->offline;
	if (m->ruleset_digest.len == DIGEST_LEN)
		memcpy(a->digest, m->ruleset_digest.data, DIGEST_LEN);
	snprintf(a->foreign, sizeof(a->foreign), "%s", m->foreign);
	cordon__order_answer__free_unpacked(m, NULL);
	return 0;
}

void
answer_log(const char *host_id, const struct answer *a)
{
	static const char *const words[] = {"none", "applied", "refused",
	    "failed", "reverted", "drilled"};

	log_info("host %s, order %s, epoch %llu: %s in %llu us%s%s", host_id,
	    a->order_id[0] != '\0' ? a->order_id : "?",
	    (unsigned long long)a->epoch, words[a->result],
	    (unsigned long long)a->took_us,
	    a->why.text[0] != '\0' ? ": " : "", a->why.text);
}
