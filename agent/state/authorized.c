/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines of authorized_keys.  The files are their users', so every byte is
 * foreign.
 */
#include "agent/state/authorized.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/look.h"
#include "common/base/digest.h"

#define BLOB_MAX 16384 /* a key's bytes */

static bool
is_type(const char *word, size_t len)
{
	static const char *const types[] = {"ssh-ed25519", "ssh-rsa",
	    "ssh-dss", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
	    "ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com",
	    "sk-ecdsa-sha2-nistp256@openssh.com", NULL};
	char text[96];
	char *cert;

	snprintf(text, sizeof(text), "%.*s", (int)(len < 95 ? len : 95),
	    word);
	cert = strstr(text, "-cert-v01@openssh.com");
	if (cert != NULL)
		*cert = '\0';
	return look_one_of(text, types);
}

/* Length of the options at TEXT: up to a space outside of quotes. */
static size_t
options_len(const char *text)
{
	bool quoted = false;
	size_t i;

	for (i = 0; text[i] != '\0' && (quoted || (text[i] != ' ' &&
	    text[i] != '\t')); i++) {
		if (text[i] == '\\' && text[i + 1] == '"')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
	}
	return i;
}

/* The fingerprint of the base64 of LEN bytes at TEXT. */
static int
fingerprint(const char *text, size_t len, char out[KEY_PRINT_MAX])
{
	uint8_t *blob, sum[DIGEST_LEN];
	char base[DIGEST_LEN * 2];
	size_t pad = 0;
	bool good;
	int n;

	if (len < 4 || len % 4 != 0 || len > BLOB_MAX)
		return ERR_SYNTAX;
	while (pad < 2 && text[len - 1 - pad] == '=')
		pad++;
	blob = malloc(len);
	if (blob == NULL)
		return ERR_NOMEM;
	n = EVP_DecodeBlock(blob, (const unsigned char *)text, (int)len);
	n -= (int)pad;
	/* It begins with the length of the name of its type. */
	good = n > 8 && blob[0] == 0 && blob[1] == 0 &&
	    (blob[2] << 8 | blob[3]) + 4 < n;
	if (good)
		digest_of(blob, (size_t)n, sum);
	free(blob);
	if (!good)
		return ERR_SYNTAX;
	EVP_EncodeBlock((unsigned char *)base, sum, sizeof(sum));
	base[strcspn(base, "=")] = '\0';
	snprintf(out, KEY_PRINT_MAX, "SHA256:%.48s", base);
	return 0;
}

int
authorized_parse(char *line, struct authorized_key *out)
{
	struct authorized_key k = {.options = ""};
	char *at = look_trim(line);
	size_t n = strcspn(at, " \t");

	if (*at == '\0' || *at == '#')
		return ERR_NOENT;
	if (!is_type(at, n)) {
		k.options = at;
		n = options_len(at);
		if (at[n] == '\0')
			return ERR_SYNTAX;
		at[n] = '\0';
		at = look_trim(at + n + 1);
		n = strcspn(at, " \t");
		if (!is_type(at, n))
			return ERR_SYNTAX;
	}
	if (at[n] == '\0')
		return ERR_SYNTAX;
	k.type = at;
	at[n] = '\0';
	at = look_trim(at + n + 1);
	n = strcspn(at, " \t");
	if (fingerprint(at, n, k.print) != 0)
		return ERR_SYNTAX;
	k.comment = at[n] == '\0' ? "" : look_trim(at + n + 1);
	*out = k;
	return 0;
}
