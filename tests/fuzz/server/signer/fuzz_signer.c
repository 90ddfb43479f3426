/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Requests to the signer: the first byte is the kind, the rest the payload.
 * Keys and journal are real, in a folder under /tmp that is removed at exit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "server/links/signer.h"
#include "server/signer/journal.h"
#include "server/signer/keeper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct keeper *keeper;
static char dir[] = "/tmp/fuzz-signer.XXXXXX";

static void
clean(void)
{
	static const char *const names[] = { SIGNER_ORDER_KEY,
		SIGNER_AUDIT_KEY, JOURNAL_FILE };
	char path[64];
	size_t i;

	keeper_close(&keeper);
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void
start(void)
{
	struct why why;

	log_set_level(LOG_LEVEL_ERROR);
	if (mkdtemp(dir) == NULL || keeper_make_keys(dir, &why) != 0 ||
	    keeper_open(dir, 2, &keeper, &why) != 0)
		abort();
	atexit(clean);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t answer;
	struct why why;
	struct buf out;
	int rc;

	if (keeper == NULL)
		start();
	if (size == 0)
		return 0;
	buf_init(&out, KEEPER_ANSWER_MAX);
	rc = keeper_answer(keeper, data[0], data + 1, size - 1, &answer,
	    &out, &why);
	/* An answer or a breach of protocol; never an answer and a breach. */
	if (rc != 0 && out.len != 0)
		abort();
	buf_done(&out);
	return 0;
}
