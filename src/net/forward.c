/* SPDX-License-Identifier: MIT */
/* forward.c: ports of the host that lead to the guest. */
#include "net/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "vmm/error.h"

/* --- reading ---------------------------------------------------------------------------------- */

static int wrong(const char *s, struct error **errp, const char *why)
{
	err_set(errp, EINVAL, "fwd=%s: %s", s, why);
	err_hint(errp, "PROTO:[ADDRESS:]PORT[:GUEST_PORT], such as fwd=tcp:2222:22, "
		       "fwd=udp:5353:53 or fwd=tcp:127.0.0.1:8080:80");
	return -EINVAL;
}

/* Digits up to a colon or the end. Returns what is behind, NULL if that is no port. */
static const char *read_port(const char *p, uint16_t *ret)
{
	unsigned n = 0;
	const char *s = p;

	while (*p >= '0' && *p <= '9' && n <= UINT16_MAX)
		n = n * 10 + (unsigned)(*p++ - '0');
	if (p == s || !n || n > UINT16_MAX || (*p && *p != ':'))
		return NULL;
	*ret = (uint16_t)n;
	return p;
}

/* An address and its colon, if there is one at @p. Returns what is behind, NULL if it is wrong. */
static const char *read_address(const char *p, struct forward *f)
{
	const char *end = *p == '[' ? strchr(p, ']') : strchr(p, ':');
	bool v6 = *p == '[';
	uint8_t addr[16];
	size_t len;

	if (!v6 && (!end || !memchr(p, '.', (size_t)(end - p))))
		return p;
	if (!end || (v6 && end[1] != ':'))
		return NULL;
	p += v6;
	len = (size_t)(end - p);
	if (len >= sizeof(f->addr))
		return NULL;
	memcpy(f->addr, p, len);
	f->addr[len] = '\0';
	if (inet_pton(v6 ? AF_INET6 : AF_INET, f->addr, addr) != 1)
		return NULL;
	return end + 1 + v6;
}

int forward_parse(const char *s, struct forward *ret, struct error **errp)
{
	struct forward f = { 0 };
	const char *p = s + 4;

	if (!strncmp(s, "udp:", 4))
		f.udp = true;
	else if (strncmp(s, "tcp:", 4))
		return wrong(s, errp, "it begins with tcp: or udp:");
	p = read_address(p, &f);
	if (!p)
		return wrong(s, errp,
			     "an address is like 127.0.0.1, or like [::1], and a port follows");
	p = read_port(p, &f.host);
	if (!p)
		return wrong(s, errp, "a port is a number from 1 to 65535");
	f.guest = f.host;
	if (*p == ':') {
		p = read_port(p + 1, &f.guest);
		if (!p)
			return wrong(s, errp, "the guest's port is a number from 1 to 65535");
	}
	if (*p)
		return wrong(s, errp, "nothing follows the guest's port");
	*ret = f;
	return 0;
}

const char *forward_spec(const struct forward *f, char buf[FORWARD_SPEC])
{
	snprintf(buf, FORWARD_SPEC, "%s%s%u:%u", f->addr, *f->addr ? "/" : "", f->host, f->guest);
	return buf;
}

/* --- looking at the host ---------------------------------------------------------------------- */

static socklen_t make_address(const struct forward *f, int family, struct sockaddr_storage *ss)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)ss;

	memset(ss, 0, sizeof(*ss));
	ss->ss_family = (sa_family_t)family;
	if (family == AF_INET) {
		v4->sin_port = htons(f->host);
		if (*f->addr)
			inet_pton(family, f->addr, &v4->sin_addr);
		return sizeof(*v4);
	}
	v6->sin6_port = htons(f->host);
	if (*f->addr)
		inet_pton(family, f->addr, &v6->sin6_addr);
	return sizeof(*v6);
}

/*
 * Listens there for a moment: 0 or a negative errno. TCP's connections of the past are no obstacle
 * (SO_REUSEADDR), neither to us nor to passt.
 */
static int try_to_listen(const struct forward *f, int family)
{
	int type = (f->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC;
	_cleanup_close_ int fd = socket(family, type, 0);
	struct sockaddr_storage ss;
	socklen_t len = make_address(f, family, &ss);
	const int on = 1;

	if (fd < 0)
		return -errno;
	if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return -errno;
	if (!f->udp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&ss, len) < 0)
		return -errno;
	return f->udp || listen(fd, 1) == 0 ? 0 : -errno;
}

/* On all addresses it means. A host need not have both kinds. */
static int try_all(const struct forward *f)
{
	bool v6 = strchr(f->addr, ':');
	int r = 0;

	if (!v6)
		r = try_to_listen(f, AF_INET);
	if ((r == 0 || r == -EAFNOSUPPORT) && (v6 || !*f->addr))
		r = try_to_listen(f, AF_INET6);
	return r == -EAFNOSUPPORT && !*f->addr ? 0 : r;
}

bool forward_is_taken(const struct forward *f)
{
	return try_all(f) == -EADDRINUSE;
}

int forward_check_free(const struct forward *f, struct error **errp)
{
	const char *proto = f->udp ? "UDP" : "TCP";
	int r = try_all(f);

	if (r == 0)
		return 0;
	switch (-r) {
	case EADDRINUSE:
		err_set(errp, EADDRINUSE,
			"cannot forward %s port %u: another program of this host has it", proto,
			f->host);
		err_hint(errp,
			 "'ss -lnp%c sport = :%u' shows which; or choose another port: "
			 "fwd=%s:OTHER:%u",
			 f->udp ? 'u' : 't', f->host, f->udp ? "udp" : "tcp", f->guest);
		break;
	case EACCES:
		err_set(errp, EACCES, "cannot forward %s port %u: you may not listen there", proto,
			f->host);
		err_hint(errp, "choose a port above 1023, or have "
			       "'sysctl net.ipv4.ip_unprivileged_port_start' lowered");
		break;
	case EADDRNOTAVAIL:
		err_set(errp, EADDRNOTAVAIL,
			"cannot forward %s port %u: this host has no address "
			"'%s'",
			proto, f->host, f->addr);
		err_hint(errp, "'ip address' shows those it has; without an address all are meant");
		break;
	default:
		return err_errno(errp, -r, "cannot forward %s port %u", proto, f->host);
	}
	return r;
}
