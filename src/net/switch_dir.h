/* SPDX-License-Identifier: MIT */
/*
 * switch_dir.h: where the members of a switch find each other: a directory that only their user may
 * enter, in which each has a socket PID.RANDOM that it listens on.
 */
#ifndef NET_SWITCH_DIR_H
#define NET_SWITCH_DIR_H

#include "vmm/unix_name.h"

struct switch_dir {
	char path[90];
	char own[24];          /* our name in it */
	struct unix_name name; /* and the socket */
	int inotify;           /* readable when somebody has come */
};

/*
 * Makes or finds the directory of switch @name, and takes a name in it. In $XDG_RUNTIME_DIR, else
 * in /run/trapeze (root) or /tmp/trapeze-UID; one that somebody else owns or may enter is refused.
 * @d.name.fd is -1 before. On failure nothing is left.
 */
int switch_dir_open(struct switch_dir *d, const char *name, struct error **errp) __must_check;
/* Gives the name back; the directory goes with the last one. */
void switch_dir_close(struct switch_dir *d);

/* fn() for each name in it but our own; it may remove that. Forgets what inotify has told. */
void switch_dir_each(struct switch_dir *d, void (*fn)(void *opaque, const char *name),
		     void *opaque);
/* Connects to one of them: unix_name_connect(). One that nobody listens on any more is removed. */
int switch_dir_connect(const struct switch_dir *d, const char *name);

#endif
