/* SPDX-License-Identifier: MIT */
/* unix_name.h: stream sockets that have a name in the file system (unix(7)). */
#ifndef VMM_UNIX_NAME_H
#define VMM_UNIX_NAME_H

#include <sys/types.h>

#include "vmm/base.h"

struct error;

/* A socket that listens, and the name it has. */
struct unix_name {
	int fd; /* -1: none */
	char path[108];
	dev_t dev;
	ino_t ino; /* what the name led to when it was ours */
};

/*
 * Listens at @path, mode 0600, non-blocking. A socket there that nobody listens on any more is
 * replaced; anything else is an error. Control thread: may wait a second for others that do the
 * same in that directory.
 */
int unix_name_listen(struct unix_name *u, const char *path, struct error **errp) __must_check;
/* The same, and nobody ever sees the name before somebody listens: for a name that is not there. */
int unix_name_appear(struct unix_name *u, const char *path, struct error **errp) __must_check;
/* Closes it, and removes the name if it is still ours. Fine if .fd is -1. */
void unix_name_close(struct unix_name *u);

/* Connects without blocking. A descriptor, or -errno: ENOENT, ECONNREFUSED (nobody listens any
 * more), EAGAIN (too many wait). */
int unix_name_connect(const char *path);
/* Removes @path if it is a socket that nobody listens on. For names that unix_name_appear() made
 * and that nobody makes twice: somebody else could have taken another one in between. */
void unix_name_remove_stale(const char *path);

#endif
