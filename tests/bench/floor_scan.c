/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The floor of scanning: walk one tree and SHA-256 every file of it on two
 * threads, and nothing else; or statx(2) every file of it on one, which is
 * the floor of a check after which nothing had changed.  A test program:
 * never installed.
 *
 *	floor-scan [--walk] DIR
 */
#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS 2
#define CHUNK (64 * 1024)
#define NAMES_MAX 256

struct dir {
	struct dir *next;
	char path[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static struct dir *dirs;
static unsigned int busy;
static unsigned long files;
static bool only_walk;

static void
push(const char *parent, const char *name)
{
	struct dir *d = malloc(sizeof(*d) + strlen(parent) + strlen(name) +
	    2);

	sprintf(d->path, "%s/%s", parent, name);
	pthread_mutex_lock(&lock);
	d->next = dirs;
	dirs = d;
	pthread_cond_signal(&more);
	pthread_mutex_unlock(&lock);
}

static void
look(int dirfd, const char *name)
{
	struct statx sx;

	if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS,
	    &sx) != 0)
		perror(name);
}

static void
hash(int dirfd, const char *name, EVP_MD_CTX *ctx, uint8_t *data)
{
	unsigned char sum[32];
	ssize_t n;
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	EVP_DigestInit_ex2(ctx, NULL, NULL);
	while ((n = read(fd, data, CHUNK)) > 0)
		EVP_DigestUpdate(ctx, data, (size_t)n);
	EVP_DigestFinal_ex(ctx, sum, NULL);
	close(fd);
}

static unsigned long
walk(const struct dir *d, EVP_MD_CTX *ctx, uint8_t *data)
{
	const struct dirent *de;
	unsigned long n = 0;
	DIR *dp = opendir(d->path);

	while (dp != NULL && (de = readdir(dp)) != NULL) {
		if (de->d_type == DT_REG) {
			if (only_walk)
				look(dirfd(dp), de->d_name);
			else
				hash(dirfd(dp), de->d_name, ctx, data);
			n++;
		} else if (de->d_type == DT_DIR && de->d_name[0] != '.') {
			push(d->path, de->d_name);
		}
	}
	if (dp != NULL)
		closedir(dp);
	return n;
}

static void *
work(void *arg)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t *data = malloc(CHUNK);
	unsigned long n;
	struct dir *d;

	EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
	pthread_mutex_lock(&lock);
	for (;;) {
		while (dirs == NULL && busy > 0)
			pthread_cond_wait(&more, &lock);
		d = dirs;
		if (d == NULL)
			break;
		dirs = d->next;
		busy++;
		pthread_mutex_unlock(&lock);
		n = walk(d, ctx, data);
		free(d);
		pthread_mutex_lock(&lock);
		files += n;
		if (--busy == 0)
			pthread_cond_broadcast(&more);
	}
	pthread_mutex_unlock(&lock);
	EVP_MD_CTX_free(ctx);
	free(data);
	return arg;
}

int
main(int argc, char **argv)
{
	pthread_t t[THREADS];
	int i, n;

	only_walk = argc == 3 && strcmp(argv[1], "--walk") == 0;
	if (argc != 2 + only_walk)
		return 2;
	n = only_walk ? 1 : THREADS;
	push(argv[argc - 1], ".");
	for (i = 0; i < n; i++)
		pthread_create(&t[i], NULL, work, NULL);
	for (i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	printf("%lu\n", files);
	return 0;
}
