/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parent's first message.  Runs in its children, with the rights they
 * were started with; the parent is believed, broken bytes are not.
 */
#include "agent/links/settings.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/links/ipc.h"
#include "common/base/id.h"
#include "common/base/sign.h"
#include "common/wire/unpack.h"

#define WAIT_MS 30000

int
settings_unpack(const uint8_t *data, size_t len, Cordon__Settings **out,
    struct why *why)
{
	const char *wrong = NULL;
	Cordon__Settings *s;

	s = unpack(&cordon__settings__descriptor, data, len);
	if (s == NULL)
		return why_set(why, ERR_PROTO, "settings: not that message");
	if (s->state_dir[0] != '/')
		wrong = "state folder is not an absolute path";
	else if (!id_valid(s->host_id))
		wrong = "host id is none";
	else if (s->order_key.len != SIGN_KEY_LEN)
		wrong = "order key has not 32 bytes";
	if (wrong != NULL) {
		cordon__settings__free_unpacked(s, NULL);
		return why_set(why, ERR_CONFIG, "settings: %s", wrong);
	}
	*out = s;
	return 0;
}

int
settings_wait(int fd, Cordon__Settings **out, struct why *why)
{
	static uint8_t msg[sizeof(uint32_t) + SETTINGS_MAX];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint32_t kind;
	ssize_t n;

	if (poll(&p, 1, WAIT_MS) <= 0)
		return why_set(why, ERR_TIMEOUT, "no settings from the parent");
	/* MSG_TRUNC: the message's own length, recv(2). */
	n = recv(fd, msg, sizeof(msg), MSG_DONTWAIT | MSG_TRUNC);
	if (n < (ssize_t)sizeof(kind))
		return why_set(why, ERR_PROTO, "no settings from the parent");
	memcpy(&kind, msg, sizeof(kind));
	if (kind != IPC_SETTINGS)
		return why_set(why, ERR_PROTO, "the parent sent %u before "
		    "settings", kind);
	if (n > (ssize_t)sizeof(msg))
		return why_set(why, ERR_PROTO, "settings: too long");
	return settings_unpack(msg + sizeof(kind), (size_t)n - sizeof(kind),
	    out, why);
}
