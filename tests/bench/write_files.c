/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A writer that does nothing else: N small files in folders of 100 below
 * DIR, as fast as it goes.  A test program: never installed.
 *
 *	write-files DIR N
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	static char data[400];
	char path[4096];
	long i, n;
	int fd;

	if (argc != 3)
		return 2;
	n = strtol(argv[2], NULL, 10);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/d%05ld", argv[1], i / 100);
		if (i % 100 == 0 && mkdir(path, 0755) != 0)
			break;
		snprintf(path, sizeof(path), "%s/d%05ld/f%07ld", argv[1],
		    i / 100, i);
		memcpy(data, &i, sizeof(i));
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0 || write(fd, data, sizeof(data)) !=
		    (ssize_t)sizeof(data))
			break;
		close(fd);
	}
	if (i < n)
		perror(path);
	return i < n;
}
