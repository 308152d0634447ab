/* SPDX-License-Identifier: MIT */
/* sink.c: from many writers who must not wait to one descriptor that may make us wait. */
#include "char/sink.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "char/alarm.h"
#include "vmm/chardev.h"
#include "vmm/error.h"
#include "vmm/log.h"

#define TURN_BYTES (64u * 1024) /* written per turn of the loop; others wait there too */
#define URGENT     (64u * 1024) /* buffered bytes that do not wait for the window to end */
#define RETRY_NS   NSEC_PER_SEC
#define POLL_NS    (20 * NSEC_PER_MSEC) /* how often to try what epoll cannot watch */

static bool disk_full(ssize_t err)
{
	return err == -ENOSPC || err == -EDQUOT || err == -EFBIG;
}

/* --- the writers' side ------------------------------------------------------------------------ */

void sink_write(struct sink *s, const uint8_t *buf, size_t len)
{
	bool wake;

	mutex_lock(&s->lock);
	if (s->state == SINK_DEAD) {
		mutex_unlock(&s->lock);
		return;
	}
	ring_put(&s->ring, buf, len);
	wake = s->state == SINK_IDLE || (s->state == SINK_RESTING && ring_used(&s->ring) >= URGENT);
	if (wake)
		s->state = SINK_WOKEN;
	mutex_unlock(&s->lock);
	/*
	 * The loop may set the alarm to the end of a window between our unlocking and here, and we
	 * then set it to now: one turn in vain. It never leaves the alarm unset but in SINK_IDLE,
	 * which only a writer ends.
	 */
	if (wake)
		alarm_set(&s->alarm, 0);
}

/* Who offers does so by the buffer: that is worth a wake-up, and so is not at the window's mercy.
 */
static bool wants_waking(struct sink *s) REQUIRES(s->lock)
{
	if (s->state != SINK_IDLE && s->state != SINK_RESTING)
		return false;
	s->state = SINK_WOKEN;
	return true;
}

size_t sink_offer(struct sink *s, struct sink_waiter *w, const uint8_t *buf, size_t len)
{
	bool wake;
	size_t n;

	mutex_lock(&s->lock);
	if (s->state == SINK_DEAD || s->state == SINK_DETACHED) {
		n = s->state == SINK_DEAD ? len : 0;
		mutex_unlock(&s->lock);
		return n;
	}
	n = ring_used(&s->last) ? 0 : min_u64(len, s->ring.size - ring_used(&s->ring));
	ring_put(&s->ring, buf, n);
	wake = n && wants_waking(s);
	if (n < len && !w->queued) {
		w->queued = true;
		w->next = s->waiters;
		s->waiters = w;
	}
	mutex_unlock(&s->lock);
	if (wake)
		alarm_set(&s->alarm, 0);
	return n;
}

/* A mapping that is made once: what a guest that resets its devices all the time can have of it is
 * bounded by its size. */
static bool has_last(struct sink *s) REQUIRES(s->lock)
{
	struct error *ignored = NULL;

	if (!s->last.buf && ring_init(&s->last, CHARDEV_REST, &ignored) < 0)
		error_free(ignored);
	return s->last.buf;
}

size_t sink_offer_rest(struct sink *s, const uint8_t *buf, size_t len)
{
	bool wake = false;
	size_t n = len;

	mutex_lock(&s->lock);
	if (s->state != SINK_DEAD && s->state != SINK_DETACHED) {
		n = has_last(s) ? min_u64(len, s->last.size - ring_used(&s->last)) : 0;
		if (n)
			ring_put(&s->last, buf, n);
		s->last.lost += len - n;
		wake = n && wants_waking(s);
	}
	mutex_unlock(&s->lock);
	if (wake)
		alarm_set(&s->alarm, 0);
	return n;
}

void sink_forget(struct sink *s, struct sink_waiter *w)
{
	mutex_lock(&s->lock);
	for (struct sink_waiter **p = &s->waiters; *p; p = &(*p)->next) {
		if (*p == w) {
			*p = w->next;
			break;
		}
	}
	w->queued = false;
	mutex_unlock(&s->lock);
}

/* --- the loop's side -------------------------------------------------------------------------- */

static void set_state(struct sink *s, enum sink_state state)
{
	mutex_lock(&s->lock);
	s->state = state;
	mutex_unlock(&s->lock);
}

/*
 * Half of the ring is free, or all of it. Not earlier: who waits would be woken for every chunk
 * that is written. One who is queued again meanwhile has found the ring full, which ends this.
 */
static void wake_waiters(struct sink *s)
{
	struct sink_waiter *w;

	do {
		mutex_lock(&s->lock);
		w = s->waiters;
		if (ring_used(&s->ring) > s->ring.size / 2 || ring_used(&s->last))
			w = NULL;
		if (w) {
			s->waiters = w->next;
			w->queued = false;
		}
		mutex_unlock(&s->lock);
		if (w)
			w->ready(w);
	} while (w);
}

/* Whether there is a byte to write, in s->chunk. */
static bool fetch(struct sink *s)
{
	if (s->chunk_off < s->chunk_len)
		return true;
	mutex_lock(&s->lock);
	s->chunk_off = 0;
	s->chunk_len = ring_get(&s->ring, s->chunk, sizeof(s->chunk));
	if (!s->chunk_len && s->last.buf)
		s->chunk_len = ring_get(&s->last, s->chunk, sizeof(s->chunk));
	mutex_unlock(&s->lock);
	return s->chunk_len > 0;
}

static uint64_t lost_bytes(struct sink *s)
{
	uint64_t n;

	mutex_lock(&s->lock);
	n = s->ring.lost + s->last.lost;
	mutex_unlock(&s->lock);
	return n;
}

/* The reader has caught up: time to say what it has missed. While it is stuck we may not, for the
 * log may go the same way. */
static void tell_lost(struct sink *s)
{
	uint64_t lost = lost_bytes(s);

	if (lost == s->lost_told)
		return;
	log_msg(LOG_WARN, "console", "%s was not read for too long: %llu bytes of output are lost",
		s->name, (unsigned long long)(lost - s->lost_told));
	s->lost_told = lost;
}

static void throw_away(struct sink *s) REQUIRES(s->lock)
{
	s->ring.tail = s->ring.head;
	s->last.tail = s->last.head;
}

/* Nobody will read this any more. The guest goes on; its output goes nowhere. */
static void give_up(struct sink *s, ssize_t err)
{
	char words[128];

	mutex_lock(&s->lock);
	s->state = SINK_DEAD;
	throw_away(s);
	mutex_unlock(&s->lock);
	s->chunk_off = s->chunk_len = 0;
	s->dead = true;
	if (s->readers_change)
		return;
	log_msg(LOG_WARN, "console", "cannot write to %s: %s; output is thrown away from here on",
		s->name, strerror_r((int)-err, words, sizeof(words)));
}

/* Writes one piece: > 0, or why not. */
static ssize_t write_piece(struct sink *s)
{
	ssize_t n = nbio_write(&s->io, s->chunk + s->chunk_off, s->chunk_len - s->chunk_off);

	if (n > 0)
		s->chunk_off += (size_t)n;
	return n ? n : -EAGAIN;
}

static void wait_writable(struct sink *s)
{
	set_state(s, SINK_BLOCKED);
	if (!s->out.loop && loop_add(s->loop, &s->out, NULL) < 0)
		alarm_set(&s->alarm, POLL_NS);
}

static void wait_for_space(struct sink *s, ssize_t err)
{
	char words[128];

	if (!s->full_told)
		log_msg(LOG_WARN, "console",
			"cannot write to %s: %s; trying again every second, the guest goes on",
			s->name, strerror_r((int)-err, words, sizeof(words)));
	s->full_told = true;
	set_state(s, SINK_RETRY);
	alarm_set(&s->alarm, RETRY_NS);
}

/* Nothing is left, or others on the loop must have their turn. */
static void rest(struct sink *s, bool wrote)
{
	bool more;

	mutex_lock(&s->lock);
	more = ring_used(&s->ring) > 0 || ring_used(&s->last) > 0 || s->chunk_off < s->chunk_len;
	if (more)
		s->state = SINK_WOKEN;
	else
		s->state = wrote ? SINK_RESTING : SINK_IDLE;
	mutex_unlock(&s->lock);
	if (more)
		alarm_set(&s->alarm, 0);
	else if (wrote)
		alarm_set(&s->alarm, SINK_WINDOW_NS);
	if (!more)
		tell_lost(s);
}

static void flush(struct sink *s)
{
	size_t wrote = 0;
	ssize_t n = 0;

	loop_del(&s->out);
	if (s->dead || s->io.fd < 0)
		return;
	while (wrote < TURN_BYTES && fetch(s)) {
		n = write_piece(s);
		if (n < 0)
			break;
		wrote += (size_t)n;
	}
	if (wrote)
		s->full_told = false;
	if (n >= 0)
		rest(s, wrote > 0);
	else if (n == -EAGAIN)
		wait_writable(s);
	else if (disk_full(n))
		wait_for_space(s, n);
	else
		give_up(s, n);
	wake_waiters(s);
}

static void on_alarm(struct ev_fd *e, uint32_t revents)
{
	struct sink *s = container_of(e, struct sink, alarm);

	(void)revents;
	alarm_taken(e);
	flush(s);
}

static void on_out(struct ev_fd *e, uint32_t revents)
{
	(void)revents;
	flush(container_of(e, struct sink, out));
}

/* --- life ------------------------------------------------------------------------------------- */

int sink_init(struct sink *s, const char *name, struct loop *loop, struct nbio *io,
	      struct error **errp)
{
	int r;

	*s = (struct sink){ .name = name, .loop = loop, .io = *io };
	*io = (struct nbio){ .fd = -1 };
	s->out = (struct ev_fd){ .fd = s->io.fd, .events = EV_OUT, .cb = on_out };
	s->alarm.fd = -1;
	mutex_init(&s->lock);
	set_state(s, s->io.fd < 0 ? SINK_DETACHED : SINK_IDLE);
	r = ring_init(&s->ring, SINK_RING_SIZE, errp);
	if (r == 0)
		r = alarm_init(&s->alarm, loop, on_alarm, errp);
	if (r < 0)
		sink_close(s, 0);
	return r;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/*
 * Waits until writing is worth another try. A reader who takes little at a time frees nothing for
 * us to write for long (a pipe has room again only when a whole page of it is read), so what counts
 * as progress is that the queue gets shorter. False: @deadline has passed.
 */
static bool await_reader(struct sink *s, uint64_t *deadline, uint64_t patience_ns)
{
	struct pollfd p = { .fd = s->io.fd, .events = POLLOUT };
	int before = nbio_queued(&s->io);

	for (;;) {
		uint64_t now = now_ns();
		int queued;

		if (now >= *deadline)
			return false;
		if (poll(&p, 1, (int)min_u64((*deadline - now) / NSEC_PER_MSEC + 1, 50)) > 0)
			return true;
		queued = nbio_queued(&s->io);
		if (queued >= 0 && queued < before)
			*deadline = now_ns() + patience_ns;
		before = queued;
	}
}

static void drain(struct sink *s, uint64_t patience_ns)
{
	uint64_t deadline = now_ns() + patience_ns;
	unsigned vain = 0;

	while (s->io.fd >= 0 && fetch(s)) {
		ssize_t n = write_piece(s);

		if (n > 0) {
			deadline = now_ns() + patience_ns;
			vain = 0;
		} else if (n == -EAGAIN) {
			/* A terminal can poll writable and still lack room for a CR LF pair. */
			if (vain++)
				usleep(1000);
			if (!await_reader(s, &deadline, patience_ns))
				return;
		} else if (disk_full(n)) {
			return;
		} else {
			give_up(s, n);
		}
	}
}

/* --- readers who come and go ------------------------------------------------------------------ */

void sink_attach(struct sink *s, struct nbio *io)
{
	sink_detach(s);
	s->io = *io;
	*io = (struct nbio){ .fd = -1 };
	s->out.fd = s->io.fd;
	s->dead = s->full_told = false;
	mutex_lock(&s->lock);
	s->unheard += s->ring.lost - s->lost_before;
	s->lost_told = s->ring.lost + s->last.lost;
	s->state = SINK_WOKEN;
	mutex_unlock(&s->lock);
	alarm_set(&s->alarm, 0);
}

void sink_detach(struct sink *s)
{
	if (s->io.fd < 0)
		return;
	loop_del(&s->out);
	mutex_lock(&s->lock);
	s->state = SINK_DETACHED;
	throw_away(s);
	s->lost_before = s->ring.lost;
	mutex_unlock(&s->lock);
	s->chunk_off = s->chunk_len = 0;
	nbio_close(&s->io);
}

uint64_t sink_close(struct sink *s, unsigned patience_ms) UNSHARED
{
	uint64_t lost;

	if (!s->loop)
		return 0;
	if (s->ring.buf)
		drain(s, patience_ms * NSEC_PER_MSEC);
	if (s->io.fd < 0)
		lost = s->lost_before - s->unheard;
	else
		lost = s->ring.lost - s->unheard + ring_used(&s->ring) + ring_used(&s->last) +
		       (s->chunk_len - s->chunk_off);
	lost += s->last.lost;
	loop_del(&s->out);
	alarm_destroy(&s->alarm);
	nbio_close(&s->io);
	ring_destroy(&s->ring);
	ring_destroy(&s->last);
	mutex_destroy(&s->lock);
	s->loop = NULL;
	return lost;
}
