/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file that says it is a package: the first byte says of which kind. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/lists/deb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char name[SUMS_NAME_MAX];
	struct buf out;
	struct why why;
	int fd, rc;

	if (len < 1)
		return 0;
	fd = memfd_create("package", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data + 1, len - 1) != (ssize_t)(len - 1))
		abort();
	lseek(fd, 0, SEEK_SET);
	buf_init(&out, 1024 * 1024);
	rc = data[0] & 1 ? rpm_list(fd, &out, name, &why) :
	    deb_list(fd, &out, name, &why);
	if (rc == 0 && strchr(name, '/') != NULL)
		abort();
	buf_done(&out);
	close(fd);
	return 0;
}
