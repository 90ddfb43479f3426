/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the enforcer sends, one line each: fields as name=value behind tabs. */
#include "tests/root/enforcer_driver.h"

#include <stdio.h>
#include <string.h>

#include "agent/links/ipc.h"
#include "agent/links/ipc.pb-c.h"
#include "common/base/clock.h"
#include "common/base/id.h"
#include "tests/root/driver.h"

static const char *
hex(const ProtobufCBinaryData *b)
{
	static char out[2 * 64 + 1];

	return b->len > 64 ? "?" : hex_encode(out, b->data, b->len);
}

static void
print_answer(const uint8_t *data, size_t len, int64_t sent_us)
{
	static const char *const results[] = {"none", "applied", "refused",
	    "failed", "reverted", "drilled"};
	int64_t now = clock_boot_us();
	Cordon__OrderAnswer *a = cordon__order_answer__unpack(NULL, len,
	    data);

	if (a == NULL)
		die("answer", NULL);
	printf("answer\torder=%s\tepoch=%llu\tresult=%s\tverdict=%s\t"
	    "why=%s\ttook_us=%llu\tround_us=%lld\tdigest=%s\tforeign=%s\n",
	    a->order_id, (unsigned long long)a->epoch, results[a->result],
	    a->verdict, a->why, (unsigned long long)a->took_us,
	    (long long)(now - sent_us), hex(&a->ruleset_digest),
	    a->foreign);
	cordon__order_answer__free_unpacked(a, NULL);
}

static void
print_state(const uint8_t *data, size_t len)
{
	Cordon__State *s = cordon__state__unpack(NULL, len, data);

	if (s == NULL)
		die("state", NULL);
	printf("state\tprofile=%d\torder=%s\tepoch=%llu\tdigest=%s\t"
	    "confirmed=%d\ttampers=%llu\tdropped=%llu\n", s->profile,
	    s->order_id, (unsigned long long)s->epoch,
	    hex(&s->ruleset_digest), s->confirmed,
	    (unsigned long long)s->tampers,
	    (unsigned long long)s->dropped_packets);
	cordon__state__free_unpacked(s, NULL);
}

static void
print_proof(const uint8_t *data, size_t len)
{
	static const char *const outcomes[] = {"none", "blocked", "reached",
	    "failed"};
	Cordon__Proof *p = cordon__proof__unpack(NULL, len, data);
	size_t i;

	if (p == NULL)
		die("proof", NULL);
	printf("proof\tok=%d\torder=%s\tprofile=%d\texpected=%s", p->ok,
	    p->order_id, p->profile, hex(&p->digest_expected));
	printf("\tkernel=%s\twhy=%s\tdropped=%llu\tprobes=",
	    hex(&p->digest_kernel), p->why,
	    (unsigned long long)p->dropped_packets);
	for (i = 0; i < p->n_probes; i++)
		printf("%s%s", i > 0 ? "," : "",
		    outcomes[p->probes[i]->outcome]);
	printf("\tlayers=");
	for (i = 0; i < p->n_layers; i++)
		printf("%s%s", i > 0 ? "," : "", p->layers[i]);
	printf("\tweak=");
	for (i = 0; i < p->n_weak; i++)
		printf("%s%s", i > 0 ? "," : "", p->weak[i]);
	printf("\n");
	cordon__proof__free_unpacked(p, NULL);
}

static void
print_signal(const uint8_t *data, size_t len)
{
	Cordon__Signal *s = cordon__signal__unpack(NULL, len, data);

	if (s == NULL)
		die("signal", NULL);
	printf("signal\tkind=%s\tpid=%u\tprogram=%s\ttext=%s\tdiff=%s\n",
	    s->kind, s->cause != NULL ? s->cause->pid : 0,
	    s->cause != NULL ? s->cause->program : "", s->text,
	    s->n_evidence > 0 ? s->evidence[0]->value : "");
	cordon__signal__free_unpacked(s, NULL);
}

void
print_event(const uint8_t *data, size_t len, int64_t sent_us)
{
	Cordon__ReadinessItem *r;
	Cordon__Foreign *f;
	uint32_t kind;

	memcpy(&kind, data, sizeof(kind));
	data += sizeof(kind);
	len -= sizeof(kind);
	if (kind == IPC_ANSWER) {
		print_answer(data, len, sent_us);
	} else if (kind == IPC_STATE) {
		print_state(data, len);
	} else if (kind == IPC_PROOF) {
		print_proof(data, len);
	} else if (kind == IPC_SIGNAL) {
		print_signal(data, len);
	} else if (kind == IPC_READINESS) {
		r = cordon__readiness_item__unpack(NULL, len, data);
		printf("readiness\tid=%s\tok=%d\n", r->id, r->ok);
		cordon__readiness_item__free_unpacked(r, NULL);
	} else if (kind == IPC_FOREIGN) {
		f = cordon__foreign__unpack(NULL, len, data);
		printf("foreign\tsame=%d\tknown=%d\ttext=%s\n", f->same,
		    f->known, f->text);
		cordon__foreign__free_unpacked(f, NULL);
	} else {
		printf("other\tkind=%u\n", kind);
	}
}
