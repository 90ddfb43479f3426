/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a person may type as a sweep's question.  The first byte is the kind.
 * Whatever is taken is printable and reads again as the same question.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "server/cases/sweep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct sweep_question q, again;
	char *text;
	struct why why;

	if (len < 1 || len > 8192)
		return 0;
	text = malloc(len);
	memcpy(text, data + 1, len - 1);
	text[len - 1] = '\0';
	if (sweep_parse((enum sweep_kind)(data[0] % 8), text, &q, &why) == 0 &&
	    (!text_printable(q.what, strlen(q.what), false) ||
	    sweep_parse(q.kind, q.what, &again, &why) != 0 ||
	    memcmp(&q, &again, sizeof(q)) != 0))
		abort();
	free(text);
	return 0;
}
