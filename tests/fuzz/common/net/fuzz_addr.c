/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses as text: what is taken prints as text that is taken again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/net/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[600], out[ADDR_TEXT_MAX], twice[ADDR_TEXT_MAX];
	struct sockaddr_storage ss;
	struct addr a, b;
	uint16_t port;

	if (size < 2 || size > sizeof(text))
		return 0;
	port = (uint16_t)(data[0] << 8 | data[1]);
	memcpy(text, data + 2, size - 2);
	text[size - 2] = '\0';
	if (addr_parse(text, port, &a, NULL) != 0)
		return 0;
	if ((a.ip_len != 4 && a.ip_len != 16) || a.port == 0)
		abort();
	addr_format(out, &a);
	if (addr_parse(out, 0, &b, NULL) != 0 || b.ip_len != a.ip_len ||
	    b.port != a.port || memcmp(a.ip, b.ip, a.ip_len) != 0 ||
	    strcmp(addr_format(twice, &b), out) != 0)
		abort();
	addr_to_sockaddr(&a, &ss);
	if (addr_from_sockaddr(&ss, &b) != 0 || b.port != a.port)
		abort();
	return 0;
}
