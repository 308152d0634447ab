/* SPDX-License-Identifier: MIT */
/*
 * if_watch.c: one rtnetlink socket, which tells of changes and answers questions. A filter in the
 * kernel passes what is about our interface: a host on which others come and go does not wake us.
 */
#include "net/if_watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP (1u << 16) /* linux/if.h, which cannot be had together with net/if.h */
#endif

#define DRAIN_MAX 256 /* messages in one go; the loop comes again */

/* Every message that we get or ask for has this in front, one to a datagram. */
struct link_message {
	struct nlmsghdr h;
	struct ifinfomsg info;
};

static void set_filter(const struct if_watch *w)
{
	/* The filter's loads are big-endian, the field is the host's. */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct link_message, info.ifi_index)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl((uint32_t)w->index), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { ARRAY_LEN(code), code };

	/* Without it there are more wake-ups and nothing else. */
	setsockopt(w->ev.fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

void if_watch_rename(struct if_watch *w, const char *name)
{
	w->index = (int)if_nametoindex(name);
	if (w->ev.fd >= 0)
		set_filter(w);
}

void if_watch_open(struct if_watch *w, const char *name,
		   void (*cb)(struct ev_fd *e, uint32_t revents))
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };

	*w = (struct if_watch){ .ev = { .events = EV_IN, .cb = cb } };
	w->ev.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (w->ev.fd >= 0 && bind(w->ev.fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		close(w->ev.fd);
		w->ev.fd = -1;
	}
	if_watch_rename(w, name);
}

void if_watch_on(struct if_watch *w, struct loop *loop)
{
	if (w->ev.loop)
		loop_del(&w->ev);
	/* If it cannot be watched a timer looks, while the interface is down. */
	if (loop && w->ev.fd >= 0 && loop_add(loop, &w->ev, NULL) < 0)
		if_watch_close(w);
}

static void ask(const struct if_watch *w)
{
	struct link_message m = {
		.h = { .nlmsg_len = sizeof(m),
		       .nlmsg_type = RTM_GETLINK,
		       .nlmsg_flags = NLM_F_REQUEST },
		.info = { .ifi_family = AF_UNSPEC, .ifi_index = w->index },
	};

	/* The answer is there when this returns; an error is not: the filter drops it. */
	while (send(w->ev.fd, &m, sizeof(m), 0) < 0 && errno == EINTR)
		;
}

enum if_state if_watch_state(struct if_watch *w)
{
	enum if_state s = IF_UNSEEN;
	struct link_message m;

	if (w->ev.fd < 0)
		return IF_UNSEEN;
	/* Watched for as long as there is something to read: read it, whatever it is. */
	if (w->index)
		ask(w);
	for (unsigned i = 0; i < DRAIN_MAX; i++) {
		/* What follows the front is cut off. */
		ssize_t n = recv(w->ev.fd, &m, sizeof(m), 0);

		/* ENOBUFS: some were lost, the answer to ask() is not. */
		if (n < 0 && errno != EINTR && errno != ENOBUFS)
			break;
		if (n < (ssize_t)sizeof(m) || m.info.ifi_index != w->index || !w->index)
			continue;
		if (m.h.nlmsg_type == RTM_DELLINK)
			s = IF_UNSEEN;
		else if (m.h.nlmsg_type == RTM_NEWLINK)
			s = (m.info.ifi_flags & IFF_UP) && (m.info.ifi_flags & IFF_LOWER_UP)
				    ? IF_UP
				    : IF_DOWN;
	}
	return s;
}

void if_watch_close(struct if_watch *w)
{
	loop_del(&w->ev);
	base_closep(&w->ev.fd);
	w->ev.fd = -1;
}
