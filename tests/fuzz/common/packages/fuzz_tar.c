/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A package's tar stream; check sums are made right, or nothing gets by. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/packages/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct input {
	uint8_t *at;
	size_t left;
};

static ssize_t
give(void *arg, void *buf, size_t len)
{
	struct input *in = arg;
	size_t n = in->left < len ? in->left : len;

	memcpy(buf, in->at, n);
	in->at += n;
	in->left -= n;
	return (ssize_t)n;
}

static void
right_sum(uint8_t *h)
{
	unsigned int sum = 0, i;
	char text[8];

	memset(h + 148, ' ', 8);
	for (i = 0; i < 512; i++)
		sum += h[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(h + 148, text, 7);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct tar_entry e;
	struct input in;
	struct tar t;
	uint8_t *copy, buf[64];
	size_t i;

	if (len < 512 || len > 65536)
		return 0;
	copy = malloc(len);
	memcpy(copy, data, len);
	for (i = 0; i + 512 <= len; i += 512)
		if (copy[i] != 0)
			right_sum(copy + i);
	in = (struct input){copy, len};
	tar_init(&t, give, &in);
	while (tar_next(&t, &e) == 0) {
		if (strlen(e.name) >= TAR_NAME_MAX ||
		    (e.name[0] == '/' && e.name[1] != '\0'))
			abort();
		while (tar_content(&t, buf, sizeof(buf)) > 0)
			;
	}
	free(copy);
	return 0;
}
