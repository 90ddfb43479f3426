/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names and signatures of package lists; foreign on both sides. */
#include "common/wire/package_list.h"

#include <string.h>

#include "common/wire/signed_tree.h"

#define ENDING ".sums"

bool
package_list_name(const char *name)
{
	size_t len = strlen(name), i;

	if (len <= strlen(ENDING) || len >= PACKAGE_LIST_NAME_MAX ||
	    strcmp(name + len - strlen(ENDING), ENDING) != 0 ||
	    name[0] == '.')
		return false;
	for (i = 0; i < len; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') &&
		    !(name[i] >= 'A' && name[i] <= 'Z') &&
		    !(name[i] >= '0' && name[i] <= '9') &&
		    strchr(".+-~_^%", name[i]) == NULL)
			return false;
	return true;
}

bool
package_list_good(const uint8_t key[SIGN_KEY_LEN], const void *list,
    size_t len, const uint8_t sig[SIGN_SIG_LEN])
{
	uint8_t digest[DIGEST_LEN], bytes[ID_MAX + DIGEST_LEN];

	digest_of(list, len, digest);
	return sign_good(key, MANIFEST_CONTEXT, bytes, manifest_signed_bytes(
	    PACKAGE_LIST_ID, digest, bytes), sig);
}
