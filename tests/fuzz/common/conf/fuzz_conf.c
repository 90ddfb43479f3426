/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Configuration files of random bytes, against a table with every type. */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct settings {
	char *text;
	int64_t number, span, size;
	bool flag;
	struct conf_list list;
};

#define AT(f) offsetof(struct settings, f)
static const struct conf_key table[] = {
	{"a", "text", CONF_STRING, AT(text), "standard", 0, 0, false, NULL},
	{"a", "number", CONF_INT, AT(number), "5", -3, 10, false, NULL},
	{"a", "flag", CONF_BOOL, AT(flag), "yes", 0, 0, false, NULL},
	{"b", "span", CONF_SPAN, AT(span), "1h", 60, 7200, false, NULL},
	{"b", "size", CONF_SIZE, AT(size), "4K", 0, 0, false, NULL},
	{"b", "list", CONF_LIST, AT(list), NULL, 0, 0, false, NULL},
	{NULL, NULL, 0, 0, NULL, 0, 0, false, NULL},
};

static char path[64];

static void
must(int ok)
{
	if (!ok)
		abort();
}

static void
clean_up(void)
{
	unlink(path);
}

static int
other(void *settings, const char *section, const char *key, const char *value,
    int line, struct why *why)
{
	(void)settings;
	(void)why;
	must(line > 0 && strlen(section) <= 48);
	must(strlen(key) + strlen(value) <= CONF_LINE_MAX);
	return strncmp(section, "rule", 4) == 0 ? 0 : ERR_NOENT;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct settings s = {0};
	struct why why = {""};
	int fd;

	if (path[0] == '\0') {
		snprintf(path, sizeof(path), "/dev/shm/cordon-fuzz-conf-%d",
		    (int)getpid());
		atexit(clean_up);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd >= 0 && file_write_all(fd, data, len) == 0);
	close(fd);
	if (conf_load(path, table, &s, other, &why) != 0) {
		must(strncmp(why.text, path, strlen(path)) == 0);
		must(s.text == NULL && s.list.item == NULL);
		return 0;
	}
	must(s.text != NULL && s.number >= -3 && s.number <= 10);
	must(s.span >= 60 && s.span <= 7200 && s.size >= 0);
	must(s.list.n <= CONF_LIST_MAX);
	conf_free(table, &s);
	return 0;
}
