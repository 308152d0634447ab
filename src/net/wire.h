/* SPDX-License-Identifier: MIT */
/*
 * wire.h: Ethernet frames over a stream socket, each behind its length in four bytes, highest
 * first: the wire of passt and of QEMU's -netdev stream.
 *
 * Out: what wire_send() is given stays where it is, in guest memory, until wire_flush() sends all
 * of it with one system call. What the kernel has no room for then is copied, one batch at most,
 * and wire_send() says -EAGAIN until that is gone: a peer that never reads costs one buffer.
 *
 * In: one system call fills a buffer, from which whole frames are handed out; the rest of a large
 * one goes to where it belongs at once, and while frames are long only lengths go to the buffer. A
 * peer's length that no frame can have ends the connection, as nothing behind it can be told apart.
 *
 * Between two of us the header may travel in front of each frame, and counts in its length
 * (wire.header): then both sides can leave checksums and segmentation to each other. What a peer
 * put into it is for the caller of wire_recv() to check.
 *
 * All calls on the loop's thread, or while it does not run. Callbacks come from the loop, never
 * from inside a call. Nothing is allocated after wire_init().
 */
#ifndef NET_WIRE_H
#define NET_WIRE_H

#include "net/netdev.h"
#include "vmm/loop.h"

#define WIRE_LEN       4u  /* a frame's length in front of it */
#define WIRE_FRAME_MIN 14u /* an Ethernet header */
#define WIRE_FRAME_MAX (NET_PACKET_MAX - NET_HDR_LEN)
/*
 * Bytes that are sent together; a longer frame is sent alone. The kernel takes no more than this in
 * one piece (UNIX_SKB_FRAGS_SZ), and cuts what is longer anywhere: passt (2023) loses track for
 * good if what it reads ends inside a length.
 */
#define WIRE_BATCH 32768u
#define WIRE_IOV   256u

struct wire {
	struct loop *loop;
	struct ev_fd io;   /* .fd: owned; -1: not connected */
	struct ev_fd news; /* an eventfd: something was found inside a call */
	int error; /* why there is nothing more to be had from this connection; 0: all is well */

	/* Out: frames that wire_flush() sends, .. */
	struct iovec iov[WIRE_IOV];
	uint8_t fronts[WIRE_IOV / 2][WIRE_LEN + NET_HDR_LEN];
	unsigned iov_cnt, frames;
	size_t bytes;
	/* .. and what the kernel had no room for. */
	uint8_t *backlog;
	size_t backlog_pos, backlog_len;

	unsigned header; /* bytes of it that travel: 0, as wire_init() says, or NET_HDR_LEN */

	/* In: what has been read, in_pos to in_len not yet handed out. */
	uint8_t *in;
	size_t in_pos, in_len;
	bool lone; /* the last frame was so long that the next one is not read ahead */

	bool rx_waits, tx_waits; /* the caller has been told -EAGAIN */
	uint64_t tx_refused;     /* no frame can have that length, or nobody is connected */
	uint64_t rx_cut;         /* longer than the buffers given for it */

	/* After -EAGAIN of wire_recv(), wire_send(): try again. */
	void (*readable)(struct wire *w);
	void (*writable)(struct wire *w);
	/* The connection has ended (@err: ECONNRESET, or EPROTO: a length that makes no sense, or
	 * another errno). wire_detach() is the owner's to call. */
	void (*broken)(struct wire *w, int err);
};

/* Allocates the buffers; callbacks are the owner's to fill in afterwards. */
int wire_init(struct wire *w, struct loop *loop, struct error **errp) __must_check;
void wire_destroy(struct wire *w);

/*
 * Takes @fd, a connected stream socket (of which it is the owner from now on, even in error), in
 * place of a connection before, of which nothing is left.
 */
int wire_attach(struct wire *w, int fd, struct error **errp) __must_check;
/* Closes the connection, if there is one; who waits for room is called soon, and sends to nobody.
 */
void wire_detach(struct wire *w);

/*
 * One packet out: @iov[0] is a header, of NET_HDR_LEN bytes, which is copied or ignored, the rest
 * the frame; as netdev_send() has them. 0: taken, the frame to be left in place until wire_flush();
 * or lost, as nobody is connected or no frame has that length. -EAGAIN: writable() comes.
 */
int wire_send(struct wire *w, const struct iovec *iov, unsigned cnt);
void wire_flush(struct wire *w);
/*
 * One packet in, a header of zeros in front. Bytes; what does not fit into @iov is cut and counted.
 * -EAGAIN: none; readable() comes.
 */
ssize_t wire_recv(struct wire *w, const struct iovec *iov, unsigned cnt);

#endif
