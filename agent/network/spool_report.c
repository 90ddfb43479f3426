/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The signal that says what the spool lost.  Runs in the network process of
 * the agent.
 */
#include "agent/network/spool_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"

#define REPORT_PAIRS 5

struct report {
	char text[200], value[REPORT_PAIRS][1400];
	Cordon__Pair pair[REPORT_PAIRS], *pairs[REPORT_PAIRS];
};

static void
fill_report(const struct lost *told, uint64_t cut, struct report *r)
{
	static const char *const keys[REPORT_PAIRS] = {"not-taken",
	    "not-taken.severe", "removed", "removed.numbers", "cut.bytes"};
	const uint64_t count[REPORT_PAIRS] = {lost_refused(told),
	    told->refused[SEVERE] + told->refused[SEVERE + 1],
	    told->removed, 0, cut};
	size_t i;

	for (i = 0; i < REPORT_PAIRS; i++) {
		cordon__pair__init(&r->pair[i]);
		r->pair[i].key = (char *)(uintptr_t)keys[i];
		r->pair[i].value = r->value[i];
		r->pairs[i] = &r->pair[i];
		snprintf(r->value[i], sizeof(r->value[i]), "%" PRIu64,
		    count[i]);
	}
	(void)lost_numbers(told, r->value[3], sizeof(r->value[3]));
	if (lost_total(told) > 0)
		snprintf(r->text, sizeof(r->text), "%" PRIu64
		    " signals were dropped because the spool was full: %"
		    PRIu64 " not taken, %" PRIu64 " removed",
		    lost_total(told), lost_refused(told), told->removed);
	else
		snprintf(r->text, sizeof(r->text), "the end of the spool was "
		    "torn: %" PRIu64 " bytes were cut off", cut);
}

int
spool_report(struct spool *s, struct why *why)
{
	Cordon__Signal sig = CORDON__SIGNAL__INIT;
	struct lost told = s->lost;
	uint64_t cut = s->cut;
	struct report r;
	int rc;

	if ((lost_total(&told) == 0 && cut == 0) ||
	    s->used + 2 * REPORT_ROOM + SEGMENT_HEADER > s->max)
		return 0;
	fill_report(&told, cut, &r);
	sig.time_ms = clock_wall_ms();
	sig.boot_ms = (uint64_t)clock_boot_ms();
	sig.kind = (char *)(uintptr_t)"agent.spool-dropped";
	sig.severity = SEVERE;
	sig.object = (char *)(uintptr_t)"spool";
	sig.text = r.text;
	sig.n_evidence = REPORT_PAIRS;
	sig.evidence = r.pairs;
	memset(&s->lost, 0, sizeof(s->lost));
	s->cut = 0;
	if ((rc = spool_add(s, &sig, why)) != 0) {
		s->dropped -= lost_total(&s->lost); /* the report itself */
		s->lost = told;
		s->cut = cut;
		return rc;
	}
	s->state_dirty = true;
	return spool_sync(s, why);
}
