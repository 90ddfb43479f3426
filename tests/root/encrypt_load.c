/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A harmless stand-in for a program that holds documents to ransom: turns
 * the files of one test tree into noise (XOR with random bytes that are
 * kept nowhere), so that it can be measured how many are lost before the
 * sensors say so.  Works only in a folder that holds the mark file below.
 * A test program: never installed.
 *
 *   encrypt-load TREE HOW RATE COUNTER [SPLIT]
 *
 * HOW: inplace, rename (in place, then NAME.locked), copy (NAME.locked is
 * made, NAME deleted), replace (a new file is moved over NAME).  RATE:
 * files a second, 0: as fast as it goes.  COUNTER: a file of 8 bytes where
 * the number of files done is kept.  SPLIT: so many files a process, each
 * started anew; 0: one process for all.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MARK ".cordon-test-tree"
#define FILES_MAX 100000
#define BYTES_MAX (1024 * 1024)

static char *file[FILES_MAX];
static size_t files;
static _Atomic uint64_t *counter;
static uint8_t data[BYTES_MAX];

static void
die(const char *what)
{
	fprintf(stderr, "encrypt-load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
collect(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	if (type == FTW_F && strcmp(path + ftw->base, MARK) != 0 &&
	    files < FILES_MAX)
		file[files++] = strdup(path);
	return 0;
}

static void
noise(uint8_t *at, size_t len)
{
	uint64_t x;
	size_t i;

	if (getrandom(&x, sizeof(x), 0) != sizeof(x))
		die("getrandom");
	x |= 1;
	for (i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		at[i] ^= (uint8_t)(x >> 24);
	}
}

static size_t
load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, data, sizeof(data));

	if (n < 0)
		die(path);
	close(fd);
	return (size_t)n;
}

static void
store(const char *path, int flags, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0644);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		die(path);
	close(fd);
}

static void
spoil(const char *path, const char *how)
{
	char other[4096];
	size_t len = load(path);

	noise(data, len);
	snprintf(other, sizeof(other), "%s.locked", path);
	if (strcmp(how, "copy") == 0 || strcmp(how, "replace") == 0) {
		store(other, O_CREAT | O_EXCL, len);
		if (strcmp(how, "copy") == 0 ? unlink(path) != 0 :
		    rename(other, path) != 0)
			die(path);
	} else {
		store(path, 0, len);
		if (strcmp(how, "rename") == 0 && rename(path, other) != 0)
			die(path);
	}
	atomic_fetch_add(counter, 1);
}

/* Wait until file number I is due. */
static void
pace(size_t i, unsigned long rate, const struct timespec *start)
{
	struct timespec due = *start;
	uint64_t ns;

	if (rate == 0)
		return;
	ns = (uint64_t)start->tv_nsec + (uint64_t)i * 1000000000u / rate;
	due.tv_sec += (time_t)(ns / 1000000000u);
	due.tv_nsec = (long)(ns % 1000000000u);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

/* Files I to I+N by a process of their own, started anew. */
static void
by_another(char **argv, size_t i, size_t n)
{
	char from[24], count[24];
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		snprintf(from, sizeof(from), "%zu", i);
		snprintf(count, sizeof(count), "%zu", n);
		execl("/proc/self/exe", argv[0], argv[1], argv[2], "0",
		    argv[4], "0", from, count, NULL);
		die("exec");
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		die("child");
}

static void
map_counter(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || ftruncate(fd, sizeof(*counter)) != 0)
		die(path);
	counter = mmap(NULL, sizeof(*counter), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	if (counter == MAP_FAILED)
		die(path);
	close(fd);
}

int
main(int argc, char **argv)
{
	unsigned long rate, split;
	size_t i, from = 0, end, step;
	struct timespec start;
	char mark[4096];
	struct stat st;

	if (argc < 5)
		return 2;
	snprintf(mark, sizeof(mark), "%s/%s", argv[1], MARK);
	if (stat(mark, &st) != 0)
		die(mark);
	rate = strtoul(argv[3], NULL, 10);
	split = argc > 5 ? strtoul(argv[5], NULL, 10) : 0;
	map_counter(argv[4]);
	nftw(argv[1], collect, 32, FTW_PHYS);
	qsort(file, files, sizeof(file[0]), by_name);
	end = files;
	if (argc > 7) {
		from = strtoul(argv[6], NULL, 10);
		end = from + strtoul(argv[7], NULL, 10);
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	step = split > 0 ? split : 1;
	for (i = from; i < end && i < files; i += step) {
		pace(i, rate, &start);
		if (split > 0)
			by_another(argv, i, split);
		else
			spoil(file[i], argv[2]);
	}
	printf("%zu\n", files);
	return 0;
}
