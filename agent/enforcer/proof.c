/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Proofs.  Runs in the enforcer; says what was seen and nothing more.
 */
#include "agent/enforcer/proof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/wire/pack.h"

#define PROOF_LINES_MAX (3 * RULESET_DEVICES_MAX + 64)
#define PROOF_LINE_MAX 200

/* A list of short texts, as protobuf-c wants it. */
struct lines {
	char *at[PROOF_LINES_MAX];
	size_t n;
};

static void
line(struct lines *l, const char *a, const char *b)
{
	char text[PROOF_LINE_MAX];

	snprintf(text, sizeof(text), "%s%s", a, b);
	if (l->n < PROOF_LINES_MAX) {
		l->at[l->n] = strdup(text);
		l->n += l->at[l->n] != NULL;
	}
}

static void
guard_line(void *arg, const char *text)
{
	line(arg, text, "");
}

static void
lines_done(struct lines *l)
{
	while (l->n > 0)
		free(l->at[--l->n]);
}

static void
layers(struct isolation *i, struct lines *out)
{
	const struct cage *c = isolation_cage(i);
	const struct devices *d = cage_device_list(c);
	unsigned int f = cage_features(c);
	size_t k;

	if (!cage_closed(c))
		return;
	line(out, "inet", "");
	if (!cage_cuts(c))
		return;
	for (k = 0; k < d->n; k++) {
		if ((f & FEATURE_PREFIX) && !d->list[k].line)
			continue; /* other-devices */
		if (f & FEATURE_INGRESS)
			line(out, "ingress:", d->list[k].name);
		if (f & FEATURE_EGRESS)
			line(out, "egress:", d->list[k].name);
	}
	if (f & FEATURE_PREFIX)
		line(out, "other-devices", "");
	if (f & FEATURE_PIN)
		line(out, "next-hop", "");
	if (f & FEATURE_BRIDGE)
		line(out, "bridge", "");
	if (f & FEATURE_ARP)
		line(out, "arp", "");
	if (f & FEATURE_OWNER)
		line(out, "owner", "");
	if (f & FEATURE_PERSIST)
		line(out, "persist", "");
}

static void
weak(struct isolation *i, struct lines *out)
{
	const struct cage *c = isolation_cage(i);
	const struct readiness *r = cage_readiness(c);
	char text[PROOF_LINE_MAX];
	size_t k;

	for (k = 0; k < r->n; k++) {
		if (r->items[k].ok)
			continue;
		snprintf(text, sizeof(text), ": %s", r->items[k].lost);
		line(out, r->items[k].id, text);
	}
	if (cage_plain(c)[0] != '\0')
		line(out, "plain-rules: the kernel refused the full ones: ",
		    cage_plain(c));
	if (cage_stolen(c))
		line(out, "owner-stolen: another process owns our tables; "
		    "they are watched, not held", "");
}

/* The probes with their targets; returns how many reached. */
static size_t
results(const Cordon__OrderBody *body, const struct probe_outcome *outcomes,
    size_t n, Cordon__ProbeResult *out)
{
	size_t k, reached = 0;

	for (k = 0; k < n; k++) {
		cordon__probe_result__init(&out[k]);
		out[k].target = body->probes[k];
		out[k].outcome = outcomes[k].outcome;
		out[k].text = (char *)(uintptr_t)outcomes[k].text;
		reached += outcomes[k].outcome ==
		    CORDON__PROBE_OUTCOME__PROBE_REACHED;
	}
	return reached;
}

int
proof_pack(struct isolation *i, const struct proof_check *check,
    const struct probe_outcome *outcomes, size_t n, struct buf *out)
{
	Cordon__ProbeResult list[ORDER_PROBES_MAX], *at[ORDER_PROBES_MAX];
	const Cordon__OrderBody *body = isolation_body(i);
	const struct cage *c = isolation_cage(i);
	uint8_t want[DIGEST_LEN], have[DIGEST_LEN];
	Cordon__Proof p = CORDON__PROOF__INIT;
	struct lines l = {.n = 0}, w = {.n = 0};
	struct why why = check->why;
	size_t k, reached = 0;
	int rc;

	if (body == NULL || n > body->n_probes)
		n = 0;
	reached = results(body, outcomes, n, list);
	for (k = 0; k < n; k++)
		at[k] = &list[k];
	layers(i, &l);
	weak(i, &w);
	if (check->guard != NULL && cage_cuts(c)) {
		guard_layers(check->guard, guard_line, &l);
		guard_weak(check->guard, guard_line, &w);
	}
	cage_digests(c, want, have);
	if (reached > 0)
		why_set(&why, ERR_BADSTATE, "%zu of %zu probes got out",
		    reached, n);
	p.order_id = body != NULL ? body->order_id : p.order_id;
	p.epoch = body != NULL ? body->epoch : 0;
	p.at_ms = clock_wall_ms();
	p.ok = check->rc == 0 && reached == 0 &&
	    memcmp(want, have, DIGEST_LEN) == 0;
	p.why = p.ok ? p.why : why.text;
	p.digest_expected.data = want;
	p.digest_expected.len = cage_closed(c) ? DIGEST_LEN : 0;
	p.digest_kernel.data = have;
	p.digest_kernel.len = cage_present(c) ? DIGEST_LEN : 0;
	p.probes = at;
	p.n_probes = n;
	p.dropped_packets = cage_dropped(c);
	p.layers = l.at;
	p.n_layers = l.n;
	p.weak = w.at;
	p.n_weak = w.n;
	p.profile = isolation_profile(i);
	rc = pack(&p.base, out);
	lines_done(&l);
	lines_done(&w);
	return rc;
}
