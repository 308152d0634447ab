/* SPDX-License-Identifier: MIT */
/* test_gdb_stub.c: gdb's questions and our answers, without a wire and without a guest. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lens/gdb_packet.h"
#include "lens/gdb_regs.h"
#include "lens/gdb_stub.h"
#include "tests/lib/fake.h"
#include "tests/lib/fake_debug.h"
#include "vmm/log.h"

static struct {
	struct fake_debug f;
	struct gdb_stub *stub;
	char out[256 * 1024];
	size_t len;
	bool hung_up, ready;
	char asked[64];
	unsigned asked_cpu;
} w;

static void on_send(void *opaque, const char *p, size_t len)
{
	(void)opaque;
	assert_true(w.len + len < sizeof(w.out));
	memcpy(w.out + w.len, p, len);
	w.len += len;
	w.out[w.len] = '\0';
}

static void on_hang_up(void *opaque)
{
	(void)opaque;
	w.hung_up = true;
}

static void on_ready(void *opaque)
{
	(void)opaque;
	w.ready = true;
}

static void on_monitor(void *opaque, unsigned cpu, const char *words, struct str *out)
{
	(void)opaque;
	w.asked_cpu = cpu;
	snprintf(w.asked, sizeof(w.asked), "%s", words);
	for (unsigned i = 0; i < 3000; i++)
		str_add(out, "line %u\n", i);
}

static int begin(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	log_set_level(LOG_ERR);
	fake_debug_init(&w.f);
	w.stub = gdb_stub_new(&w.f.target,
			      &(struct gdb_stub_env){ .send = on_send,
						      .hang_up = on_hang_up,
						      .ready = on_ready,
						      .monitor = { .fn = on_monitor } });
	gdb_stub_begin(w.stub);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	w.stub = gdb_stub_free(w.stub);
	return 0;
}

static void send_raw(const char *p, size_t len)
{
	w.len = 0;
	w.out[0] = '\0';
	assert_int_equal(gdb_stub_receive(w.stub, (const uint8_t *)p, len), len);
}

static void send_bytes(const char *p, size_t len)
{
	_cleanup_(str_free) struct str b = { 0 };

	gdb_frame(&b, p, len);
	send_raw(b.s, b.len);
}

/* The payload of the packet at @p, which is then behind it. */
static size_t unframe(const char **p, char *to)
{
	struct gdb_rx rx = { 0 };
	enum gdb_event e = GDB_NOTHING;

	while (e != GDB_PACKET && *p < w.out + w.len) {
		e = gdb_rx_byte(&rx, (uint8_t) * (*p)++);
		assert_int_not_equal(e, GDB_BAD);
	}
	assert_int_equal(e, GDB_PACKET);
	memcpy(to, rx.payload, rx.len + 1);
	return rx.len;
}

/* What @packet is answered with: one packet behind an acknowledgement, or nothing. */
static const char *ask(const char *packet)
{
	static char answer[GDB_PACKET_MAX + 1];
	const char *p = w.out;

	send_bytes(packet, strlen(packet));
	assert_int_equal(*p, '+');
	p++;
	if (p == w.out + w.len)
		return NULL;
	unframe(&p, answer);
	assert_ptr_equal(p, w.out + w.len);
	return answer;
}

#define EXPECT(packet, answer) assert_string_equal(ask(packet), answer)

/* --- packets ---------------------------------------------------------------------------------- */

static void sums_and_escapes(void **state)
{
	static const char odd[] = { 'X', '}', '#', '$', '*', '\0', 3, '+' };
	_cleanup_(str_free) struct str b = { 0 };
	struct gdb_rx rx = { 0 };

	(void)state;
	gdb_frame(&b, odd, sizeof(odd));
	for (size_t i = 0; i < b.len; i++)
		assert_int_equal(gdb_rx_byte(&rx, (uint8_t)b.s[i]),
				 i + 1 < b.len ? GDB_NOTHING : GDB_PACKET);
	assert_int_equal(rx.len, sizeof(odd));
	assert_memory_equal(rx.payload, odd, sizeof(odd));

	send_raw("$?#00", 5);
	assert_string_equal(w.out, "-");
	send_raw("$?#zz", 5);
	assert_string_equal(w.out, "-");
	send_raw("+-rubbish#00", 12);
	assert_string_equal(w.out, "");
	/* A packet whose end got lost, and the next. */
	send_raw("$m0,4$qC#b4", 11);
	assert_string_equal(w.out, "+$QC1#c5");
}

static void too_long(void **state)
{
	char *p = malloc(3 * GDB_PACKET_MAX);

	(void)state;
	memset(p, 'A', 3 * GDB_PACKET_MAX);
	p[0] = '$';
	send_raw(p, 3 * GDB_PACKET_MAX);
	send_raw("#00", 3);
	assert_string_equal(w.out, "-");
	EXPECT("qC", "QC1");
	free(p);
}

static void no_acks(void **state)
{
	(void)state;
	EXPECT("QStartNoAckMode", "OK");
	send_bytes("qC", 2);
	assert_string_equal(w.out, "$QC1#c5");
	send_raw("$qC#00", 6);
	assert_string_equal(w.out, "");
}

static void unknown_ones_are_empty(void **state)
{
	(void)state;
	EXPECT("vMustReplyEmpty", "");
	EXPECT("qOffsets", "");
	EXPECT("R00", "");
	EXPECT("!", "");
	EXPECT("", "");
	EXPECT("qCat", "");
	EXPECT("vContinue", "");
}

/* --- registers -------------------------------------------------------------------------------- */

static void registers(void **state)
{
	char all[GDB_PACKET_MAX + 1], packet[GDB_PACKET_MAX + 1];
	struct debug_regs was;

	(void)state;
	w.f.regs[0].gpr[DBG_RBX] = 0x1122334455667788;
	w.f.regs[0].rflags = 0x246;
	w.f.regs[0].cr3 = 0x7000;
	w.f.regs[0].xmm[1][0] = 0xaa;
	memset(w.f.regs[0].ymmh[15], 0x5a, 16);
	EXPECT("p1", "8877665544332211");
	EXPECT("p10", "0010000000000000");
	EXPECT("p11", "46020000");
	EXPECT("p29", "aa000000000000000000000000000000");
	EXPECT("pffff", "E16");
	EXPECT("p", "E16");
	EXPECT("P1=0100000000000000", "OK");
	assert_int_equal(w.f.regs[0].gpr[DBG_RBX], 1);
	EXPECT("P1=01000000000000", "E16");
	EXPECT("P1=01000000000000zz", "E16");
	EXPECT("P1", "E16");

	/* All of them there and back. */
	snprintf(all, sizeof(all), "%s", ask("g"));
	was = w.f.regs[0];
	memset(&w.f.regs[0].gpr, 0, sizeof(w.f.regs[0].gpr));
	w.f.regs[0].cr3 = 0;
	memset(w.f.regs[0].ymmh, 0, sizeof(w.f.regs[0].ymmh));
	snprintf(packet, sizeof(packet), "G%.*s", GDB_PACKET_MAX - 2, all);
	EXPECT(packet, "OK");
	assert_memory_equal(&w.f.regs[0].gpr, &was.gpr, sizeof(was.gpr));
	assert_int_equal(w.f.regs[0].cr3, was.cr3);
	assert_memory_equal(w.f.regs[0].ymmh, was.ymmh, sizeof(was.ymmh));
	EXPECT("G00", "E16");
	/* Threads. */
	EXPECT("Hg3", "OK");
	EXPECT("p10", "0012000000000000");
	EXPECT("Hg4", "E16");
	EXPECT("Hgx", "E16");
	EXPECT("H", "E16");
	EXPECT("Hg0", "OK");
	EXPECT("p10", "0012000000000000");
}

/* Intel SDM 1 8.1.7: the tag word against what FXSAVE keeps of it. */
static void tag_word(void **state)
{
	static const uint8_t one[10] = { [7] = 0x80, [8] = 0xff, [9] = 0x3f };
	static const uint8_t inf[10] = { [7] = 0x80, [8] = 0xff, [9] = 0x7f };
	struct debug_regs *r = &w.f.regs[0];

	(void)state;
	r->fsw = 6 << 11; /* TOP: ST(0) is register 6 */
	r->ftw = 0xc0;
	memcpy(r->st[0], one, 10);
	memcpy(r->st[1], inf, 10);
	EXPECT("p22", "ff8f0000"); /* 7: special (10), 6: valid (00), the rest empty */
	EXPECT("P22=ffff0000", "OK");
	assert_int_equal(r->ftw, 0);
	EXPECT("P22=ff8f0000", "OK");
	assert_int_equal(r->ftw, 0xc0);
}

static void description(void **state)
{
	_cleanup_(str_free) struct str xml = { 0 };
	unsigned regs = 0;
	char want[64];

	(void)state;
	for (unsigned off = 0;; off += 100) {
		const char *a;

		snprintf(want, sizeof(want), "qXfer:features:read:target.xml:%x,64", off);
		a = ask(want);
		str_add(&xml, "%s", a + 1);
		if (*a == 'l')
			break;
		assert_int_equal(*a, 'm');
		assert_int_equal(strlen(a), 101);
	}
	for (const char *p = xml.s; (p = strstr(p, "<reg ")); p++)
		regs++;
	assert_int_equal(regs, gdb_reg_cnt(&w.f.regs[0]));
	assert_non_null(strstr(xml.s, "org.gnu.gdb.i386.avx"));
	assert_non_null(strstr(xml.s, "name=\"cr3\""));
	EXPECT("qXfer:features:read:target.xml:ffffffff,10", "l");
	EXPECT("qXfer:features:read:other.xml:0,10", "E00");
	EXPECT("qXfer:features:read:target.xml:0", "E16");
	w.f.regs[1].has_ymm = false;
	EXPECT("Hg2", "OK");
	snprintf(want, sizeof(want), "p%x", regs - 1);
	EXPECT(want, "E16");
}

/* --- memory ----------------------------------------------------------------------------------- */

static void memory(void **state)
{
	static const char binary[] = { 'X', '1', '0', '0', ',', '3', ':', '#', '\0', '}' };

	(void)state;
	memcpy(w.f.memory + 0x100, "abcd", 4);
	EXPECT("m100,4", "61626364");
	EXPECT("x100,2", "bab");
	EXPECT("m100,0", "");
	EXPECT("m1fffe,8", "0000"); /* the end of it */
	EXPECT("m20000,1", "E0e");
	EXPECT("mffffffffffffffff,4", "E0e");
	EXPECT("m100", "E16");
	EXPECT("m100,4,4", "E16");
	EXPECT("m11111111111111111,4", "E16");
	EXPECT("M100,2:5a5b", "OK");
	assert_memory_equal(w.f.memory + 0x100, "Z[cd", 4);
	EXPECT("M100,2:5a", "E16");
	EXPECT("M100,2:5a5", "E16");
	EXPECT("M1ffff,2:5a5b", "E0e");
	EXPECT("M100,ffffffff:00", "E16");
	send_bytes(binary, sizeof(binary));
	assert_string_equal(w.out, "+$OK#9a");
	assert_memory_equal(w.f.memory + 0x100, binary + 7, 3);
	EXPECT("X100,4:abc", "E16");
	EXPECT("X100,0:", "OK");
	/* As much as fits. */
	assert_int_equal(strlen(ask("m0,10000")), 2 * (GDB_PACKET_MAX / 2 - 8));
}

static void physical(void **state)
{
	(void)state;
	/* Tables that map nothing. */
	w.f.regs[0].cr0 |= DBG_CR0_PG;
	w.f.regs[0].cr4 |= DBG_CR4_PAE;
	w.f.regs[0].cr3 = 0x3000;
	EXPECT("m100,1", "E0e");
	EXPECT("qqemu.PhyMemMode", "0");
	EXPECT("Qqemu.PhyMemMode:1", "OK");
	EXPECT("qqemu.PhyMemMode", "1");
	EXPECT("m100,1", "00");
	EXPECT("M100,1:77", "OK");
	assert_int_equal(w.f.memory[0x100], 0x77);
	EXPECT("Qqemu.PhyMemMode:2", "E16");
	EXPECT("Qqemu.PhyMemMode:0", "OK");
	EXPECT("m100,1", "E0e");
}

/* --- breakpoints ------------------------------------------------------------------------------ */

static void breakpoints(void **state)
{
	(void)state;
	EXPECT("Z0,1000,1", "OK");
	EXPECT("Z1,2000,1", "OK");
	EXPECT("Z2,3000,8", "OK");
	EXPECT("Z4,4000,2", "OK");
	EXPECT("Z3,5000,4", ""); /* the CPU has none for reading alone */
	EXPECT("Z5,5000,4", "");
	assert_int_equal(w.f.breaks, 4);
	assert_true(w.f.brk[0].software && w.f.brk[0].kind == DBG_BREAK_CODE);
	assert_true(!w.f.brk[1].software && w.f.brk[1].kind == DBG_BREAK_CODE);
	assert_true(w.f.brk[2].len == 8 && w.f.brk[2].kind == DBG_WATCH_WRITE);
	assert_true(w.f.brk[3].len == 2 && w.f.brk[3].kind == DBG_WATCH_ACCESS);
	EXPECT("z0,1000,1", "OK");
	EXPECT("z0,1000,1", "OK"); /* idempotent */
	assert_int_equal(w.f.breaks, 3);
	EXPECT("Z0", "E16");
	EXPECT("Z0,1000", "E16");
	EXPECT("Z0,1000,fffffffff", "E16");
	EXPECT("Z0,1000,1;X3,abc", "E16");
	w.f.set_break_result = -ENOSPC;
	EXPECT("Z1,2000,1", "E1c");
}

/* --- going and stopping ----------------------------------------------------------------------- */

static void nothing_yet(const char *packet)
{
	assert_null(ask(packet));
	w.len = 0;
	w.out[0] = '\0';
}

static const char *stopped(const struct debug_stop *s)
{
	static char answer[GDB_PACKET_MAX + 1];
	const char *p = w.out, *last = p;

	w.len = 0;
	fake_debug_stop(&w.f, s);
	while (p < w.out + w.len) { /* the last one, behind text */
		last = p;
		unframe(&p, answer);
	}
	assert_ptr_not_equal(last, p);
	return answer;
}

static void going(void **state)
{
	(void)state;
	EXPECT("vCont?", "vCont;c;C;s;S");
	nothing_yet("vCont;c");
	assert_int_equal(w.f.how.step_cpu, -1);
	assert_non_null(strstr(stopped(&(struct debug_stop){ .why = DBG_STOP_STEP, .cpu = 1 }),
			       "T05thread:2;"));
	nothing_yet("vCont;s:3;c");
	assert_int_equal(w.f.how.step_cpu, 2);
	assert_false(w.f.how.go_on);
	stopped(&(struct debug_stop){ .why = DBG_STOP_STEP, .cpu = 2 });
	nothing_yet("vCont;c:2");
	assert_int_equal(w.f.how.step_cpu, 1);
	assert_true(w.f.how.go_on);
	stopped(&(struct debug_stop){ .why = DBG_STOP_STEP, .cpu = 1 });
	nothing_yet("vCont;C05:1;c");
	assert_int_equal(w.f.how.step_cpu, -1);
	stopped(&(struct debug_stop){ .why = DBG_STOP_STEP });
	nothing_yet("s");
	assert_int_equal(w.f.how.step_cpu, 0);
	stopped(&(struct debug_stop){ .why = DBG_STOP_STEP });
	nothing_yet("c1234");
	assert_int_equal(w.f.regs[0].rip, 0x1234);
	stopped(&(struct debug_stop){ .why = DBG_STOP_STEP });
	nothing_yet("C05");
	stopped(&(struct debug_stop){ .why = DBG_STOP_STEP });
	EXPECT("Hc2", "OK");
	nothing_yet("c");
	assert_int_equal(w.f.how.step_cpu, 1);
	stopped(&(struct debug_stop){ .why = DBG_STOP_STEP });
	EXPECT("vCont;x", "E16");
	EXPECT("vCont;s:9", "E16");
	EXPECT("vCont", "E16");
	EXPECT("vCont;C", "E16");
	EXPECT("c12z", "E16");
	assert_true(w.f.stands);
}

static void reasons(void **state)
{
	const struct debug_stop brk = { .why = DBG_STOP_BREAK, .addr = 0x1000, .software = true };
	const struct debug_stop hard = { .why = DBG_STOP_BREAK, .addr = 0x1000 };
	const struct debug_stop watch = { .why = DBG_STOP_WATCH,
					  .addr = 0x3000,
					  .watch = DBG_WATCH_WRITE };
	const char *a;

	(void)state;
	nothing_yet("c");
	assert_null(strstr(stopped(&brk), "swbreak"));
	a = ask("qSupported:multiprocess+;swbreak+;hwbreak+;qRelocInsn+;xmlRegisters=i386");
	assert_non_null(strstr(a, "PacketSize=4000;"));
	assert_non_null(strstr(a, "swbreak+"));
	assert_null(strstr(a, "multiprocess"));
	nothing_yet("c");
	assert_non_null(strstr(stopped(&brk), "swbreak:;"));
	nothing_yet("c");
	a = stopped(&hard);
	assert_non_null(strstr(a, "hwbreak:;"));
	assert_non_null(strstr(a, "10:0010000000000000;")); /* RIP comes along */
	nothing_yet("c");
	assert_non_null(strstr(stopped(&watch), "watch:3000;"));
	assert_non_null(strstr(ask("?"), "watch:3000;"));
	nothing_yet("c");
	assert_non_null(strstr(stopped(&(struct debug_stop){ .why = DBG_STOP_RESET }), "T05"));
}

static void interrupts(void **state)
{
	(void)state;
	w.f.stops_at_once = false;
	send_raw("\3", 1); /* it stands already */
	assert_int_equal(w.f.stops, 0);
	nothing_yet("c");
	/* While it runs nothing can be asked. */
	EXPECT("g", "E10");
	EXPECT("m0,4", "E10");
	EXPECT("?", "E10");
	EXPECT("vCont;c", "E10");
	EXPECT("Z0,0,1", "E10");
	EXPECT("qRcmd,68", "E10");
	send_raw("\3", 1);
	assert_int_equal(w.f.stops, 1);
	assert_non_null(strstr(stopped(&(struct debug_stop){ .why = DBG_STOP_ASKED }), "T02"));
}

/* A client who comes while the guest runs is listened to when it stands. */
static void arriving(void **state)
{
	static const char q[] = "$?#3f";

	(void)state;
	gdb_stub_end(w.stub);
	assert_int_equal(w.f.detaches, 1);
	w.f.stops_at_once = false;
	gdb_stub_begin(w.stub);
	assert_int_equal(w.f.stops, 1);
	assert_false(gdb_stub_listens(w.stub));
	assert_int_equal(gdb_stub_receive(w.stub, (const uint8_t *)q, 5), 0);
	w.len = 0;
	fake_debug_stop(&w.f, &(struct debug_stop){ .why = DBG_STOP_ASKED });
	assert_true(w.ready);
	assert_int_equal(w.len, 0); /* nobody has asked yet */
	assert_non_null(strstr(ask("?"), "T05"));
	/* He goes while it is being stopped. */
	gdb_stub_end(w.stub);
	gdb_stub_begin(w.stub);
	gdb_stub_end(w.stub);
	assert_int_equal(w.f.detaches, 3);
	fake_debug_stop(&w.f, &(struct debug_stop){ .why = DBG_STOP_ASKED });
	assert_int_equal(w.f.detaches, 4);
	assert_false(w.f.stands);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void powers_off(void **state)
{
	(void)state;
	nothing_yet("c");
	assert_string_equal(stopped(&(struct debug_stop){ .why = DBG_STOP_ENDED,
							  .status = 0,
							  .text = "the guest powered off" }),
			    "W00");
	assert_int_equal(w.f.detaches, 1);
	EXPECT("g", "E10");
	gdb_stub_end(w.stub);
	assert_int_equal(w.f.detaches, 1);
}

static void crashes(void **state)
{
	const struct debug_stop s = {
		.why = DBG_STOP_ENDED, .status = 33, .crashed = true, .text = "the guest crashed"
	};

	(void)state;
	nothing_yet("c");
	assert_non_null(strstr(stopped(&s), "T06thread:1;"));
	assert_int_equal(w.f.detaches, 0);
	assert_non_null(ask("g")); /* to be looked at */
	EXPECT("c", "W21");
	assert_int_equal(w.f.kills, 1);
}

static void over(void **state)
{
	(void)state;
	nothing_yet("c");
	assert_string_equal(
		stopped(&(struct debug_stop){
			.why = DBG_STOP_ENDED, .over = true, .status = 143, .text = "SIGTERM" }),
		"W8f");
	assert_int_equal(w.f.detaches + w.f.kills, 0);
}

static void leaving(void **state)
{
	(void)state;
	EXPECT("D", "OK");
	assert_int_equal(w.f.detaches, 1);
	EXPECT("m0,1", "E10");
	gdb_stub_end(w.stub);
	assert_int_equal(w.f.detaches, 1);
	gdb_stub_begin(w.stub);
	EXPECT("vKill;1", "OK");
	assert_int_equal(w.f.kills, 1);
	gdb_stub_end(w.stub);
	gdb_stub_begin(w.stub);
	nothing_yet("k");
	assert_int_equal(w.f.kills, 2);
	assert_true(w.hung_up);
}

/* --- others ----------------------------------------------------------------------------------- */

static void threads(void **state)
{
	_cleanup_(str_free) struct str b = { 0 };

	(void)state;
	EXPECT("qfThreadInfo", "m1,2,3");
	EXPECT("qsThreadInfo", "l");
	EXPECT("qC", "QC1");
	EXPECT("T3", "OK");
	EXPECT("T4", "E16");
	EXPECT("T0", "E16");
	gdb_hex(&b, "CPU 1, ring 0, 64-bit code", 26);
	EXPECT("qThreadExtraInfo,2", b.s);
	EXPECT("qThreadExtraInfo,9", "E16");
	EXPECT("qAttached", "1");
	EXPECT("qAttached:1", "1");
	EXPECT("qSymbol::", "OK");
}

static void monitor(void **state)
{
	_cleanup_(str_free) struct str text = { 0 };
	const char *p = w.out + 1;
	char packet[GDB_PACKET_MAX + 1];

	(void)state;
	EXPECT("Hg2", "OK");
	send_bytes("qRcmd,7265677320616c6c", 22);
	assert_string_equal(w.asked, "regs all");
	assert_int_equal(w.asked_cpu, 1);
	while (p < w.out + w.len) {
		size_t n = unframe(&p, packet);
		uint8_t bytes[GDB_PACKET_MAX];

		if (!strcmp(packet, "OK"))
			break;
		assert_int_equal(packet[0], 'O');
		assert_true(gdb_unhex(packet + 1, bytes, n / 2));
		str_add_bytes(&text, (const char *)bytes, n / 2);
	}
	assert_ptr_equal(p, w.out + w.len);
	assert_non_null(strstr(text.s, "line 2999\n"));
	EXPECT("qRcmd,7", "E16");
	EXPECT("qRcmd,zz", "E16");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, finish)
	const struct CMUnitTest tests[] = {
		T(sums_and_escapes),
		T(too_long),
		T(no_acks),
		T(unknown_ones_are_empty),
		T(registers),
		T(tag_word),
		T(description),
		T(memory),
		T(physical),
		T(breakpoints),
		T(going),
		T(reasons),
		T(interrupts),
		T(arriving),
		T(powers_off),
		T(crashes),
		T(over),
		T(leaving),
		T(threads),
		T(monitor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
