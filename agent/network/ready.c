/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Readiness.  Runs in the network process of the agent.  Items of other
 * processes are quoted; the file is for cordon-agent(8) status, which does
 * not trust it either.
 */
#include "agent/network/ready.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/network/route.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"

#define WEAKER CORDON__READINESS_LEVEL__READINESS_WEAKER
#define BLOCKS CORDON__READINESS_LEVEL__READINESS_BLOCKS
#define CLOCK_MS (60 * 1000) /* off by more than that is told */
#define CERT_PARTS 6 /* less than a sixth of the lifetime is late: it is
		      * renewed when a third is left */

static struct readiness *
slot(struct network *n, const char *id)
{
	size_t i;

	for (i = 0; i < n->nreadiness; i++)
		if (strcmp(n->readiness[i].id, id) == 0)
			return &n->readiness[i];
	return n->nreadiness < READINESS_MAX ?
	    &n->readiness[n->nreadiness++] : NULL;
}

int
ready_set(struct network *n, const char *id, bool ok,
    Cordon__ReadinessLevel level, const char *text)
{
	char quoted[READINESS_TEXT_MAX];
	struct readiness *r;

	if (id[0] == '\0' || strlen(id) >= READINESS_ID_MAX)
		return ERR_LIMIT;
	r = slot(n, id);
	if (r == NULL)
		return ERR_LIMIT;
	/* Foreign bytes and a cut in a character are both escaped. */
	log_quote(quoted, sizeof(quoted), text, strlen(text));
	if (r->id[0] != '\0' && r->ok == ok && r->level == level &&
	    strcmp(r->text, quoted) == 0)
		return 0;
	n->readiness_new = n->readiness_unsaved = true;
	strcpy(r->id, id);
	strcpy(r->text, quoted);
	r->ok = ok;
	r->level = level;
	return 0;
}

/* -- what this process sees itself ------------------------------------- */

/* Isolation cuts a tunnel's own packets, and with them the line in it. */
static void
look_at_way(struct network *n)
{
	const struct addr *a = n->npinned > 0 ? n->pinned : n->known_at;
	size_t i, count = n->npinned > 0 ? n->npinned : n->known.n, tunnels = 0;
	struct route_way w, bad = {.device = ""};
	char text[READINESS_TEXT_MAX] = "";
	size_t ways = 0;

	for (i = 0; i < count; i++) {
		if (route_way(a[i].ip, a[i].ip_len, &w) != 0)
			continue;
		ways++;
		if (w.tunnel) {
			tunnels++;
			bad = w;
		}
	}
	if (ways == 0)
		return; /* nothing is known of it just now */
	if (tunnels > 0)
		snprintf(text, sizeof(text), "%s to the collector by %s%s%s, "
		    "a tunnel: isolation cuts it",
		    tunnels == ways ? "every way" : "a way", bad.device,
		    bad.kind[0] != '\0' ? ", " : "", bad.kind);
	ready_set(n, "collector-route", tunnels == 0,
	    tunnels == ways ? BLOCKS : WEAKER, text);
}

static void
look_at_certificate(struct network *n)
{
	int64_t now = n->server_ms == 0 ? clock_wall_ms() :
	    n->server_ms + clock_boot_ms() - n->server_at;
	int64_t left = n->renew.not_after_ms - now;
	int64_t life = n->renew.not_after_ms - n->renew.not_before_ms;
	char text[READINESS_TEXT_MAX] = "", until[CLOCK_TEXT_MAX];
	bool ok = left > life / CERT_PARTS && !n->renew.stale;

	if (!ok)
		snprintf(text, sizeof(text), "the certificate is not renewed; "
		    "it ends %s, and the line with it",
		    clock_format(until, n->renew.not_after_ms, true));
	ready_set(n, "certificate", ok, left <= 0 ? BLOCKS : WEAKER, text);
}

static void
look_at_clock(struct network *n)
{
	int64_t off;
	char text[READINESS_TEXT_MAX] = "", span[32];

	if (n->server_ms == 0)
		return; /* there is nothing to compare it with */
	off = clock_wall_ms() - n->server_ms - (clock_boot_ms() -
	    n->server_at);
	if (llabs(off) > CLOCK_MS)
		snprintf(text, sizeof(text), "the clock is %s %s the "
		    "collector's: times in orders and records do not agree",
		    clock_format_span(span, sizeof(span), llabs(off) / 1000),
		    off < 0 ? "behind" : "ahead of");
	/* Not again for each second that it moves. */
	if ((text[0] == '\0') != n->clock_ok || !n->clock_known)
		ready_set(n, "clock", text[0] == '\0', WEAKER, text);
	n->clock_ok = text[0] == '\0';
	n->clock_known = true;
}

/* -- for root at the console ------------------------------------------- */

static void
save(struct network *n)
{
	char path[4096];
	struct why why;
	struct buf b;
	size_t i;
	int rc = 0;

	n->readiness_unsaved = false;
	buf_init(&b, READINESS_MAX * (READINESS_ID_MAX + READINESS_TEXT_MAX +
	    16));
	for (i = 0; rc == 0 && i < n->nreadiness; i++)
		rc = buf_printf(&b, "%s\t%s\t%s\n", n->readiness[i].id,
		    n->readiness[i].ok ? "ok" :
		    n->readiness[i].level == BLOCKS ? "blocks" : "weaker",
		    n->readiness[i].ok ? "" : n->readiness[i].text);
	if (rc == 0)
		rc = file_join(path, sizeof(path), n->state_dir, READY_FILE);
	if (rc != 0)
		log_warn("readiness not stored: %s", err_str(rc));
	else if (file_write(path, b.data, b.len, 0600, &why) != 0)
		log_warn("readiness not stored: %s", why.text);
	buf_done(&b);
}

void
ready_soon(struct network *n)
{
	n->readiness_looked = 0;
}

void
ready_tick(struct network *n)
{
	int64_t now = clock_boot_ms();

	if (n->readiness_looked == 0 ||
	    now - n->readiness_looked >= READY_LOOK_MS) {
		n->readiness_looked = now;
		look_at_way(n);
		look_at_certificate(n);
		look_at_clock(n);
	}
	if (n->readiness_unsaved)
		save(n);
}
