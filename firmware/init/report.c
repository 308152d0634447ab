/* SPDX-License-Identifier: MIT */
/* report.c: records to and from the host. */
#include <asm/termbits.h>

#include "firmware/init/init.h"

#define QUEUE     8    /* records for a host that is not there yet */
#define REPEAT    3    /* on COM1, of records that count */
#define FAIL_MS   5000 /* for the host to take the last word */
#define DEBUG_BAD 126  /* to the debug-exit port: no verdict */
#define RECORD    sizeof(struct guest_init_record)

static struct guest_init_record queue[QUEUE];
static unsigned queued;
static uint32_t seq;
static int serial = -1;

static void open_serial(void)
{
	struct termios t;
	int fd;

	if (serial >= 0)
		return;
	/* O_NONBLOCK: do not wait for a carrier. */
	fd = sys_open("/dev/ttyS0", O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return;
	if (sys_ioctl(fd, TCGETS, &t) < 0) { /* the driver has a node, and no UART */
		sys_close(fd);
		return;
	}
	t.c_iflag = IGNBRK;
	t.c_oflag = 0;
	t.c_lflag = 0;
	t.c_cflag = (t.c_cflag & ~(tcflag_t)(CSIZE | PARENB | CRTSCTS)) | CS8 | CLOCAL | CREAD;
	sys_ioctl(fd, TCSETS, &t);
	SYS3(__NR_fcntl, fd, F_SETFL, 0);
	serial = fd;
}

static size_t encode(uint8_t *to, const void *from, size_t len)
{
	const uint8_t *p = from;

	for (size_t i = 0; i < len; i++) {
		to[2 * i] = (uint8_t)(GUEST_INIT_SERIAL_NIBBLE + (p[i] >> 4));
		to[2 * i + 1] = (uint8_t)(GUEST_INIT_SERIAL_NIBBLE + (p[i] & 15));
	}
	return 2 * len;
}

static void serial_send(const struct guest_init_record *r, const void *data)
{
	static uint8_t buf[2 * (RECORD + GUEST_INIT_DATA_MAX) + 2];
	size_t n = 0;

	open_serial();
	if (serial < 0)
		return;
	buf[n++] = GUEST_INIT_SERIAL_BEGIN;
	n += encode(buf + n, r, sizeof(*r));
	n += encode(buf + n, data, r->data_len);
	buf[n++] = GUEST_INIT_SERIAL_END;
	write_all(serial, buf, n);
}

static void serial_send_surely(const struct guest_init_record *r)
{
	for (int i = 0; i < REPEAT; i++)
		serial_send(r, "");
	if (serial >= 0)
		sys_ioctl(serial, TCSBRK, (void *)1); /* tcdrain(3) */
}

static void complete(struct guest_init_record *r, const void *data)
{
	r->magic = GUEST_INIT_RECORD_MAGIC;
	r->version = GUEST_INIT_VERSION;
	r->seq = seq++;
	r->time_ns = sys_now();
	r->crc = 0;
	r->crc = crc32c(crc32c(0, r, sizeof(*r)), data, r->data_len);
}

void report_open(void)
{
	struct guest_init_record r = { .type = GUEST_RECORD_HELLO, .number = ports.control >= 0 };

	if (ports.control < 0)
		open_serial();
	report(&r);
}

void report(struct guest_init_record *r)
{
	complete(r, "");
	if (ports.control >= 0 && queued < QUEUE)
		queue[queued++] = *r;
	else
		serial_send_surely(r);
	report_pump();
}

void report_data(uint16_t type, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		struct guest_init_record r = { .type = type };

		r.data_len = len < GUEST_INIT_DATA_MAX ? (uint32_t)len : GUEST_INIT_DATA_MAX;
		complete(&r, p);
		serial_send(&r, p);
		p += r.data_len;
		len -= r.data_len;
	}
}

bool report_pending(void)
{
	return queued > 0;
}

void report_pump(void)
{
	while (queued) {
		/* The driver takes so little whole, or not at all. */
		if (sys_write(ports.control, queue, RECORD) != (long)RECORD)
			return;
		queued--;
		for (unsigned i = 0; i < queued; i++)
			queue[i] = queue[i + 1];
	}
}

bool report_flush(unsigned ms)
{
	uint64_t end = sys_now() + (uint64_t)ms * 1000000;
	bool told = ports.control >= 0;

	report_pump();
	while (queued && sys_now() < end) {
		sys_sleep_ms(5);
		report_pump();
	}
	for (unsigned i = 0; i < queued; i++) {
		serial_send_surely(&queue[i]);
		told = false;
	}
	queued = 0;
	return told;
}

bool report_take(struct guest_init_record *r)
{
	static struct guest_init_record in;
	static size_t have;
	uint32_t crc;
	long n = sys_read(ports.control, (char *)&in + have, sizeof(in) - have);

	if (n <= 0)
		return false;
	have += (size_t)n;
	if (have < sizeof(in))
		return false;
	have = 0;
	*r = in;
	crc = in.crc;
	in.crc = 0;
	if (in.magic == GUEST_INIT_RECORD_MAGIC && in.version == GUEST_INIT_VERSION &&
	    crc32c(0, &in, sizeof(in)) == crc)
		return true;
	say(EPROTO, "not understood: what the host says on", GUEST_INIT_PORT_CONTROL);
	r->type = 0;
	return true;
}

void fail(int err, const char *what, const char *object)
{
	struct guest_init_record r = { .type = GUEST_RECORD_END, .code = GUEST_END_FAILED };

	r.number = err < 0 ? -err : err;
	join(r.text, what, " ", object);
	say(err, what, object);
	report(&r);
	power_off(report_flush(FAIL_MS), DEBUG_BAD);
}
