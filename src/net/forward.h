/* SPDX-License-Identifier: MIT */
/* forward.h: ports of the host that lead to the guest: fwd=tcp:2222:22. */
#ifndef NET_FORWARD_H
#define NET_FORWARD_H

#include <netinet/in.h>

#include "vmm/base.h"

struct error;

struct forward {
	bool udp;
	char addr[INET6_ADDRSTRLEN]; /* the host's address; "": all it has */
	uint16_t host, guest;        /* ports */
};

/*
 * PROTO:[ADDRESS:]PORT[:GUEST_PORT], PROTO being tcp or udp, and ADDRESS one of IPv4, or of IPv6 in
 * brackets. Without GUEST_PORT both are the same. -EINVAL with what would be right.
 */
int forward_parse(const char *s, struct forward *ret, struct error **errp) __must_check;

/*
 * Could somebody listen there now? -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, ... with what to do. One
 * who asks knows no more than that: it may be taken the moment after.
 */
int forward_check_free(const struct forward *f, struct error **errp) __must_check;
/* Does somebody? */
bool forward_is_taken(const struct forward *f);

/* The way passt spells it behind -t or -u; returns @buf. */
#define FORWARD_SPEC (INET6_ADDRSTRLEN + 16)
const char *forward_spec(const struct forward *f, char buf[FORWARD_SPEC]);

#endif
