/* SPDX-License-Identifier: MIT */
/* if_watch.h: whether an interface of the host is up, and when that changes (rtnetlink(7)). */
#ifndef NET_IF_WATCH_H
#define NET_IF_WATCH_H

#include "vmm/loop.h"

enum if_state {
	IF_DOWN, /* there, and down or without carrier */
	IF_UP,
	IF_UNSEEN, /* not in this network namespace, or it cannot be asked */
};

struct if_watch {
	struct ev_fd ev; /* .fd: a netlink socket, or -1 */
	int index;       /* the interface's; 0: none */
};

/* Opens; @cb is called on @loop when something has changed: it calls if_watch_state(). A host that
 * has no rtnetlink for us is no error: nothing is seen then. */
void if_watch_open(struct if_watch *w, const char *name,
		   void (*cb)(struct ev_fd *e, uint32_t revents));
/* From now on, or no more (NULL), on the loop's thread or while it does not run. */
void if_watch_on(struct if_watch *w, struct loop *loop);
/* Another interface, which has taken the name of the one that is gone. */
void if_watch_rename(struct if_watch *w, const char *name);
/* Takes what the kernel has told, and asks. Does not block. */
enum if_state if_watch_state(struct if_watch *w);
void if_watch_close(struct if_watch *w);

#endif
