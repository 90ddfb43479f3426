/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Accounts, groups, sudoers and authorized keys: the picture for G06, and
 * what is wrong whatever the picture was.
 */
#ifndef CORDON_SENSORS_ACCOUNTS_H
#define CORDON_SENSORS_ACCOUNTS_H

#include "agent/sensors/picture.h"

/* Where to look; tests put other files here. */
struct account_files {
	const char *passwd, *shadow, *group;
	const char *sudoers, *sudoers_d;
	const char *root; /* before the homes of passwd; "" */
};
extern const struct account_files account_files_host;

/*
 * Classes: "account" (name: uid, gid, home, shell, password state), "group",
 * "sudoers" (file), "key" (home and key).  A file that cannot be read makes
 * the picture partial.  Sorted.
 */
int accounts_picture(const struct account_files *files, struct picture *p);
/*
 * Findings that no picture excuses (second uid 0, empty password), and those
 * that only an equal line in the signed picture WAS excuses (system account
 * with a login shell or a password: some packages bring one).  With WAS NULL
 * only the former.
 */
void accounts_rules(const struct account_files *files,
    const struct picture *was, const struct picture *now,
    struct findings *f);

/* Call FN for each home of passwd once. */
typedef int home_fn(void *arg, const char *home);
int accounts_homes(const struct account_files *files, home_fn *fn,
    void *arg);

#endif
