/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two manifests of a tree as an agent may send them, told apart by a NUL:
 * counted and compared.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/cases/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char *
copy(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);

	if (text == NULL)
		abort();
	memcpy(text, data, len);
	text[len] = '\0';
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *nul = memchr(data, 0, len);
	size_t first = nul == NULL ? len : (size_t)(nul - data);
	size_t rest = nul == NULL ? 0 : len - first - 1;
	struct tree_text t;

	if (tree_text_take(copy(data, first), first, nul == NULL ? NULL :
	    copy(nul + 1, rest), rest, &t) == 0 &&
	    t.removed > 0 && nul == NULL)
		abort();
	tree_text_done(&t);
	return 0;
}
