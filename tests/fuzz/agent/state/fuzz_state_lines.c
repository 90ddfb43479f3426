/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of sudoers, doas, sshd_config, keys; commands; certificates. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state/authority.h"
#include "agent/state/authorized.h"
#include "agent/state/look.h"
#include "agent/state/meaning.h"
#include "agent/state/passwd.h"
#include "agent/state/place_table.h"
#include "agent/state/sshd_config.h"
#include "agent/state/sudoers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
certificate(void *arg, const char *print, const char *subject)
{
	(void)arg;
	if (strlen(print) != 64 || subject[0] == '\0')
		abort();
	return 0;
}

static void
sudo_words(const struct sudo_rule *r)
{
	char words[600];

	sudoers_words(r, words, sizeof(words));
	if (words[0] == '\0' || strlen(words) >= sizeof(words))
		abort();
	if (sudoers_weak(r) != NULL && r->kind == SUDO_NOTHING)
		abort();
}

static void
one_line(char *line)
{
	char copy[4096], key[SSHD_WORD_MAX], *value;
	struct authorized_key k;
	struct shadow_line shadow;
	struct sudo_rule r;

	sudoers_parse(line, &r);
	sudo_words(&r);
	doas_parse(line, &r);
	sudo_words(&r);
	look_odd(line);
	strncpy(copy, line, sizeof(copy) - 1);
	copy[sizeof(copy) - 1] = '\0';
	if (sshd_parse(copy, key, &value) && (key[0] == '\0' ||
	    value < copy || value > copy + strlen(line)))
		abort();
	strncpy(copy, line, sizeof(copy) - 1);
	if (shadow_parse(copy, &shadow) == 0)
		password_hash(shadow.password);
	strncpy(copy, line, sizeof(copy) - 1);
	if (authorized_parse(copy, &k) == 0 &&
	    strncmp(k.print, "SHA256:", 7) != 0)
		abort();
}

static int
on_line(void *arg, char *line)
{
	(void)arg;
	one_line(line);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char out[MEANING_MAX], *text;
	size_t i;

	if (len == 0 || len > 65536)
		return 0;
	text = malloc(len + 1);
	for (i = 0; system_places[i].path != NULL; i++) {
		if (i % 16 != data[0] % 16)
			continue;
		memcpy(text, data, len);
		text[len] = '\0';
		meaning_of(system_places[i].kind, system_places[i].path,
		    text, out);
		if (strlen(out) >= MEANING_MAX || strchr(out, '\t') != NULL)
			abort();
	}
	memcpy(text, data, len);
	text[len] = '\0';
	authority_each(text, len, certificate, NULL);
	look_lines(text, data[0] & 1, on_line, NULL);
	free(text);
	return 0;
}
