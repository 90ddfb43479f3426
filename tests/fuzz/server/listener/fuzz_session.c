/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames of an agent or a stranger in each state of a session.  Input: a byte
 * for the state, then frames as on the wire.  What the store would be asked
 * is the fuzzer's own: it checks that only what is in bounds gets there.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/wire/frame.h"
#include "server/listener/session_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must_be_text(const char *t, size_t max)
{
	size_t len = strlen(t);

	if (len > max || !text_printable(t, len, false))
		abort();
}

int
job_enrol(struct session *s, Cordon__Enrol *e)
{
	if (s->state != SESSION_ENROLLING || e->token[0] == '\0' ||
	    e->csr_der.len < 1)
		abort();
	must_be_text(e->token, 128);
	must_be_text(e->hostname, 255);
	must_be_text(e->machine_id, 63);
	cordon__enrol__free_unpacked(e, NULL);
	return 0;
}

int
job_hello(struct session *s, Cordon__Hello *h)
{
	if (s->state != SESSION_GREETING || h->version != 1 ||
	    strcmp(h->host_id, s->host_id) != 0)
		abort();
	must_be_text(h->kernel, 126);
	cordon__hello__free_unpacked(h, NULL);
	return 0;
}

int
job_frame(struct session *s, uint16_t kind, const uint8_t *payload,
    size_t len)
{
	(void)payload;
	/* one that came with an old certificate may renew it, no more */
	if (s->state != SESSION_LIVE && (s->state != SESSION_RENEWING ||
	    kind != FRAME_CERT_REQUEST))
		abort();
	if (len > frame_max(kind) || session_check(s->state, kind) != NULL)
		abort();
	return 0;
}

void
job_gone(struct session *s, const char *reason)
{
	(void)s, (void)reason;
	abort();
}

void
job_pump(struct session *s)
{
	(void)s;
}

void
job_drop_waiting(struct session *s)
{
	(void)s;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session s = {.host_id = "H-A"};
	struct frame f;
	struct why why;
	size_t used;
	int rc = 0;

	if (size < 1)
		return 0;
	log_init("fuzz", LOG_LEVEL_ERROR - 1);
	TAILQ_INIT(&s.waiting);
	s.state = (enum session_state)(1 << (data[0] % 8));
	data++;
	size--;
	while (rc == 0 && frame_decode(data, size, &f, &used, &why) == 0) {
		why.text[0] = '\0';
		rc = session_frame(&s, &f, &why);
		/* Each refusal has its reason in words. */
		if (rc != 0 && why.text[0] == '\0')
			abort();
		data += used;
		size -= used;
	}
	return 0;
}
