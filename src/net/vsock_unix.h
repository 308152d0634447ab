/* SPDX-License-Identifier: MIT */
/* vsock_unix.h: what the files of the host's end of virtio sockets share. All on the loop. */
#ifndef NET_VSOCK_UNIX_H
#define NET_VSOCK_UNIX_H

#include <sys/socket.h>
#include <sys/un.h>

#include "net/vsock.h"
#include "vmm/link.h"
#include "vmm/loop.h"
#include "vmm/token_bucket.h"
#include "vmm/unix_name.h"

enum vsock_stream_state {
	VSOCK_CLIENT,     /* has connected to PATH; has yet to say to which port */
	VSOCK_CONNECTING, /* whoever listens at PATH_PORT has no room for one more, yet */
	VSOCK_OPEN,       /* the device knows it: @conn */
	VSOCK_ORPHAN,     /* the device has closed it; somebody still reads what was sent before */
};
#define VSOCK_STATES 4u

struct vsock_stream {
	struct vsock_host *host;
	struct link link; /* host->streams[state], oldest first */
	struct ev_fd fd;  /* edge-triggered: input always, output while something is kept */
	enum vsock_stream_state state;
	void *conn;
	uint64_t deadline_ns; /* CLIENT, CONNECTING */
	uint32_t port;        /* CONNECTING */
	bool hung_up, broken;
	bool ending; /* no more is sent: say so behind what is kept */

	/* What the reader had no room for: a ring of @size bytes, @fill of them from @head on. */
	uint8_t *buf; /* NULL until it is needed; then it stays */
	uint32_t size, head, fill;
	uint32_t granted; /* @size <= @granted */
};

struct vsock_host {
	struct loop *loop;
	const struct vsock_events *events;
	void *opaque;
	struct sockaddr_un addr; /* PATH */
	struct ev_fd listen;     /* watched while it runs and is not tired */
	bool run, tired;         /* tired: no descriptor was free; until @tick */
	struct unix_name name;   /* its descriptor is listen's */
	struct link streams[VSOCK_STATES];
	unsigned cnt, limit;
	uint64_t extra; /* granted beyond VSOCK_KEEP_MIN, of VSOCK_KEEP_ALL */
	struct ev_timer tick;
	uint64_t tick_ns; /* armed for this; UINT64_MAX: it is not */
	uint64_t tired_until_ns;
	struct token_bucket lines;
	unsigned unsaid;
};

/* vsock_unix.c: something is wrong with a program of the host: a line, unless there were many. */
void vsock_complain(struct vsock_host *h, const char *fmt, ...) __printf(2, 3);

/* vsock_unix_client.c: those who connect to PATH, what they say, and how long they may take. */
void vsock_on_listen(struct ev_fd *e, uint32_t revents);
void vsock_client_ready(struct vsock_stream *s);
/* Ends those whose time is up. When is the next? UINT64_MAX: never. */
uint64_t vsock_clients_expire(struct vsock_host *h, uint64_t now_ns);
/* Arms the tick for @at_ns, unless it comes before. */
void vsock_tick_by(struct vsock_host *h, uint64_t at_ns);

/* vsock_unix_stream.c */

/* Takes over @fd, on error too. -EMFILE: there are too many; -errno. */
int vsock_stream_new(struct vsock_host *h, int fd, enum vsock_stream_state state,
		     struct vsock_stream **ret);
void vsock_stream_move(struct vsock_stream *s, enum vsock_stream_state state);
void vsock_stream_free(struct vsock_stream *s);
int vsock_stream_watch(struct vsock_stream *s);
/* Can there be one more? If need be an orphan goes. */
bool vsock_make_room(struct vsock_host *h);

/* vsock_unix_connect.c: tries again to reach listeners that were busy. As vsock_clients_expire().
 */
uint64_t vsock_connect_again(struct vsock_host *h, uint64_t now_ns);

#endif
