/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of collectors.  Runs in the network process of the agent. */
#include "agent/network/collectors.h"

#include <limits.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/wire/agent.pb-c.h"
#include "common/wire/frame.h"
#include "common/wire/order.h"
#include "common/wire/pack.h"
#include "common/wire/unpack.h"

static bool
has(const struct collectors *c, const struct addr *a)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->addr[i].port == a->port &&
		    c->addr[i].ip_len == a->ip_len &&
		    memcmp(c->addr[i].ip, a->ip, a->ip_len) == 0)
			return true;
	return false;
}

void
collectors_add(struct collectors *c, Cordon__Endpoint *const *list, size_t n)
{
	struct addr a;
	size_t i;

	for (i = 0; i < n && c->n < c->max; i++) {
		memset(&a, 0, sizeof(a));
		if (list[i]->address.len != 4 && list[i]->address.len != 16)
			continue;
		a.ip_len = (uint8_t)list[i]->address.len;
		memcpy(a.ip, list[i]->address.data, a.ip_len);
		a.port = (uint16_t)list[i]->port;
		if (!has(c, &a))
			c->addr[c->n++] = a;
	}
}

void
collectors_load(struct collectors *c, const char *state_dir)
{
	Cordon__Welcome *w = NULL;
	char path[PATH_MAX];
	struct why why = {0};
	struct buf b;

	buf_init(&b, frame_max(FRAME_WELCOME));
	if (file_join(path, sizeof(path), state_dir, COLLECTORS_FILE) != 0 ||
	    file_read(path, &b, NULL) != 0)
		goto done;
	w = unpack(&cordon__welcome__descriptor, b.data, b.len);
	if (w == NULL)
		why_set(&why, ERR_CORRUPT, "cannot be read");
	else if (order_check_collectors(w->collectors, w->n_collectors,
	    &why) == 0)
		collectors_add(c, w->collectors, w->n_collectors);
	if (why.text[0] != '\0')
		log_warn("%s: %s; not used", path, why.text);
done:
	if (w != NULL)
		cordon__welcome__free_unpacked(w, NULL);
	buf_done(&b);
}

int
collectors_save(const char *state_dir, Cordon__Endpoint **list, size_t n,
    struct why *why)
{
	Cordon__Welcome w = CORDON__WELCOME__INIT;
	char path[PATH_MAX];
	struct buf b;
	int rc;

	buf_init(&b, frame_max(FRAME_WELCOME));
	w.collectors = list;
	w.n_collectors = n;
	if ((rc = order_check_collectors(list, n, why)) == 0 &&
	    (rc = file_join(path, sizeof(path), state_dir,
	    COLLECTORS_FILE)) == 0 &&
	    (rc = pack(&w.base, &b)) == 0)
		rc = file_write(path, b.data, b.len, 0600, why);
	buf_done(&b);
	return rc;
}
