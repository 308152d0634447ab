/* SPDX-License-Identifier: MIT */
/*
 * vsock.h: the host's end of virtio sockets: unix sockets, where programs of the host meet those of
 * the guest.
 *
 * A program of the host connects to PATH, says "CONNECT PORT\n", and is answered "OK NUMBER\n" once
 * somebody in the guest has accepted. A program of the guest that connects to CID 2, port P,
 *reaches who listens at PATH_P. Either way there is one struct vsock_stream, with one descriptor.
 *
 *	host                       vsock_host                device                  guest
 *	CONNECT 52\n           ->  wanted(52)            ->  REQUEST              ->
 *	                       <-  vsock_greet()         <-  RESPONSE             <-
 *	                           vsock_connect()       <-  REQUEST              <-
 *	accepts                ->  0, or connected(0)    ->  RESPONSE             ->
 *	reads                  <-  vsock_send()          <-  RW
 *	writes                 ->  ready(), vsock_recv() ->  RW
 *
 * All belongs to one loop: calls are made on its thread, or while it does not run; events come on
 * it, never from inside a call. Nothing here blocks. Memory is taken when a stream comes to be, and
 * when its reader first falls behind; never for a message.
 *
 * What is bounded: streams (vsock_limit()), so that descriptors are left for the rest of the
 * process; the bytes kept for readers that do not read (vsock_grant()); the time a client may take
 * to say what he wants, and a listener to take a connection. What goes wrong with a program of the
 * host ends that program's streams, and says so in one line every few seconds at most.
 */
#ifndef NET_VSOCK_H
#define NET_VSOCK_H

#include <sys/uio.h>

#include "vmm/base.h"

struct error;
struct loop;
struct vsock_host;
struct vsock_stream;

#define VSOCK_STREAMS_MAX 16384u
#define VSOCK_PATH_MAX    96u /* so that PATH_4294967295 is still the name of a socket */
#define VSOCK_CID_MIN     3u
#define VSOCK_CID_MAX     0xfffffffeu

/* Bytes that are kept for a reader: what any stream may have, and what one gets at most. */
#define VSOCK_KEEP_MIN (8u * 1024)
#define VSOCK_KEEP_MAX (256u * 1024)
/* Beyond VSOCK_KEEP_MIN each, all streams of a host have no more than this. */
#define VSOCK_KEEP_ALL (64u * 1024 * 1024)

/* --vsock cid=N,path=PATH or cid=N,vhost. The string is from malloc. */
struct vsock_config {
	uint32_t cid;         /* the guest's; 0: no such device */
	char *path;           /* NULL with vhost */
	bool vhost;           /* the kernel moves the data, and programs use AF_VSOCK */
	unsigned max_streams; /* 0: as many as descriptors allow */
};

struct vsock_events {
	/*
	 * A client wants to talk to @port of the guest. What the stream is called from now on; or
	 * NULL, and it is closed: not now. vsock_greet() or vsock_close() ends the wait.
	 */
	void *(*wanted)(void *opaque, struct vsock_stream *s, uint32_t port);
	/* How vsock_connect() ended that said -EINPROGRESS; after -errno the stream is gone. */
	void (*connected)(void *opaque, void *conn, int err);
	/*
	 * Look again: bytes may have come (after vsock_recv() said -EAGAIN), less may be unsent, or
	 * nobody may be there any more. Also comes for nothing.
	 */
	void (*ready)(void *opaque, void *conn);
};

/*
 * Listens at @c->path, which it owns from now on (mode 600; a name that a dead process left behind
 * is taken over). May raise RLIMIT_NOFILE's soft limit. Control thread, before @loop runs. Errors
 * name the path. No client is heard before vsock_run().
 */
int vsock_open(const struct vsock_config *c, struct loop *loop, struct vsock_host **ret,
	       struct error **errp) __must_check;
/* Closes all streams, what is unsent with them, and removes the name. NULL-safe, returns NULL. */
struct vsock_host *vsock_close_host(struct vsock_host *h);
void vsock_set_events(struct vsock_host *h, const struct vsock_events *ev, void *opaque);
/* Are there programs in the guest? While there are none clients wait in the kernel's queue. */
void vsock_run(struct vsock_host *h, bool on);
unsigned vsock_limit(const struct vsock_host *h);   /* streams at most */
unsigned vsock_streams(const struct vsock_host *h); /* that there are, of any kind */

/*
 * Connects to who listens at PATH_@port. 0: done. -EINPROGRESS: connected() comes, unless the
 * stream is closed before. Else -errno and no stream: -ECONNREFUSED and -ENOENT: nobody listens;
 * -EMFILE: too many.
 */
int vsock_connect(struct vsock_host *h, uint32_t port, void *conn, struct vsock_stream **ret);
/* Tells a client that he is connected. 0, or -errno: he is gone. */
int vsock_greet(struct vsock_stream *s, uint32_t host_port);

/*
 * How many bytes vsock_send() may be behind with: at least VSOCK_KEEP_MIN, at least what it was
 * before, and up to @want if there are as many.
 */
uint32_t vsock_grant(struct vsock_stream *s, uint32_t want);
/*
 * @len bytes at @iov, cnt <= IOV_MAX, in order. All are taken: what the reader has no room for is
 * kept, vsock_unsent() counts it, and the caller sees to it that this stays within vsock_grant().
 * -EPIPE: nobody reads any more; -ENOBUFS: more than granted; -ENOMEM.
 */
int vsock_send(struct vsock_stream *s, const struct iovec *iov, unsigned cnt, size_t len);
uint32_t vsock_unsent(const struct vsock_stream *s);
/* Nobody reads any more, as a vsock_send() has found, or what was kept did. */
bool vsock_is_broken(const struct vsock_stream *s);
/* Bytes; 0: none will come any more; -EAGAIN: none now, ready() comes; else -errno. */
ssize_t vsock_recv(struct vsock_stream *s, const struct iovec *iov, unsigned cnt);
/* The host's program has closed its end; what it sent before may still be there. */
bool vsock_hung_up(const struct vsock_stream *s);

/* No more will be sent: who reads sees an end behind what is unsent. */
void vsock_end_send(struct vsock_stream *s);
/* No more will be received: who writes gets EPIPE. */
void vsock_end_recv(struct vsock_stream *s);
/*
 * Ends the stream, which is not to be used any more. What is unsent is still read by whoever reads,
 * as long as there are descriptors for others: the oldest gives way.
 */
void vsock_close(struct vsock_stream *s);

#endif
