/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The manifest loader; what loads is read to its end and compared. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sensors/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct manifest *m = NULL;
	struct findings *f;
	struct picture p;

	if (manifest_from(data, len, &m, NULL) != 0)
		return 0;
	picture_init(&p);
	if (manifest_accounts(m, &p) != 0 || manifest_places(m, &p) != 0)
		abort(); /* it was checked */
	picture_done(&p);
	f = calloc(1, sizeof(*f));
	if (manifest_compare(m, NULL, 0, f) != 0)
		abort();
	findings_done(f);
	free(f);
	manifest_free(&m);
	return 0;
}
