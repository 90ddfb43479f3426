/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The audit log's reader on arbitrary bytes.  Nothing here is signed by the
 * key, so no input may ever verify.
 */
#include <stdio.h>
#include <stdlib.h>

#include "server/model/chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[SIGN_KEY_LEN] = { 1 };
	struct chain_result r;
	struct why why;
	FILE *f;

	if (size == 0)
		return 0;
	f = fmemopen((void *)(uintptr_t)data, size, "r");
	if (f == NULL)
		return 0;
	if (chain_verify(f, key, &r, &why) == 0)
		abort();
	fclose(f);
	return 0;
}
