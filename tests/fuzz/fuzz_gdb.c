/* SPDX-License-Identifier: MIT */
/*
 * fuzz_gdb.c: a client of the gdb server that says anything, to a guest that stops whenever it
 * likes. The first byte says how: raw bytes, or each line a packet with its sum.
 */
#include <string.h>

#include "lens/gdb_packet.h"
#include "lens/gdb_stub.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/fake_debug.h"
#include "vmm/log.h"

static struct fake_debug f;
static size_t sent;

static void on_send(void *opaque, const char *p, size_t len)
{
	(void)opaque;
	must(len > 0 && (*p == '$' || *p == '+' || *p == '-'));
	sent += len;
}

static void on_event(void *opaque)
{
	(void)opaque;
}

static void on_monitor(void *opaque, unsigned cpu, const char *words, struct str *out)
{
	(void)opaque;
	must(cpu < FAKE_DEBUG_CPUS);
	str_add(out, "%s", words);
}

static void stop_somehow(struct input *in)
{
	struct debug_stop s = { .why = (enum debug_stop_why)(take(in, 1) % (DBG_STOP_RESET + 1)),
				.cpu = (unsigned)take(in, 1) % FAKE_DEBUG_CPUS,
				.addr = take(in, 4),
				.status = (int)take(in, 1) };

	s.crashed = s.status & 1;
	s.over = s.status & 2;
	if (!f.stands)
		fake_debug_stop(&f, &s);
}

static void one_packet(struct gdb_stub *stub, const uint8_t *p, size_t len)
{
	_cleanup_(str_free) struct str b = { 0 };

	gdb_frame(&b, (const char *)p, len);
	gdb_stub_receive(stub, (const uint8_t *)b.s, b.len);
}

static void lines(struct gdb_stub *stub, struct input *in)
{
	while (in->left) {
		const uint8_t *nl = memchr(in->p, '\n', in->left);
		size_t n = nl ? (size_t)(nl - in->p) : in->left;

		if (n && *in->p == '~') {
			take(in, 1);
			stop_somehow(in);
			continue;
		}
		if (n && *in->p == '^')
			gdb_stub_receive(stub, (const uint8_t *)"\3", 1);
		else
			one_packet(stub, in->p, n);
		in->p += n;
		in->left -= n;
		take(in, 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = { data, len };
	struct gdb_stub *stub;
	uint8_t how = (uint8_t)take(&in, 1);

	log_set_level(LOG_ERR);
	fake_debug_init(&f);
	f.stops_at_once = how & 2;
	sent = 0;
	stub = gdb_stub_new(&f.target, &(struct gdb_stub_env){ .send = on_send,
							       .hang_up = on_event,
							       .ready = on_event,
							       .monitor = { .fn = on_monitor } });
	must(stub != NULL);
	gdb_stub_begin(stub);
	if (how & 1)
		lines(stub, &in);
	else
		gdb_stub_receive(stub, in.p, in.left);
	/* Whatever was said, the next one who comes finds a guest. */
	gdb_stub_end(stub);
	f.stands = true;
	gdb_stub_begin(stub);
	sent = 0;
	one_packet(stub, (const uint8_t *)"g", 1);
	must(sent > 1000);
	gdb_stub_free(stub);
	return 0;
}
