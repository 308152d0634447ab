/* SPDX-License-Identifier: MIT */
/*
 * recording.c: writes a recording of a run that never was, the same each time: two vCPUs, a serial
 * port, a timer, a disk with requests on a thread of its own, accesses to where nobody answers, and
 * a device whose name would like to be markup.
 *
 *   recording FILE [EXITS]
 */
#include <stdio.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/trace_file.h"

#define BEGIN UINT64_C(1000000)

enum { SERIAL, PIT, DISK, MARKUP, UNUSED, DEVICES };
enum { IO_THREAD = 2 };

static struct trace_region com = { "com", false, 0x3f8, 8 };
static struct trace_region pit = { "pit", false, 0x40, 4 };
static struct trace_region bar = { "mmio", true, 0xfe000000, 0x1000 };
static struct trace_field lsr = { "lsr", 1, false, 1 };
static struct trace_device device[DEVICES] = {
	[SERIAL] = { .id = "serial0",
		     .type = "ns16550",
		     .pci = -1,
		     .region = &com,
		     .region_cnt = 1,
		     .field = &lsr,
		     .field_cnt = 1 },
	[PIT] = { .id = "pit", .type = "i8254", .pci = -1, .region = &pit, .region_cnt = 1 },
	[DISK] = { .id = "virtio-blk0",
		   .type = "virtio-blk",
		   .pci = -1,
		   .region = &bar,
		   .region_cnt = 1 },
	[MARKUP] = { .id = "</script><b>x", .type = "<img src=x>", .pci = -1 },
	[UNUSED] = { .id = "rtc", .type = "mc146818", .pci = -1 },
};
static const struct trace_machine machine = {
	.version = (char *)"0.1.0",
	.cmdline =
		(char *)"trapeze run -k vmlinuz </script><script>document.title = 'taken'</script>",
	.kernel = (char *)"vmlinuz",
	.cpu_cnt = 2,
	.begin = BEGIN,
	.wall_sec = 1760000000,
	.irqchip = "split",
	.device = device,
	.device_cnt = DEVICES,
};
static const struct trace_thread threads[] = { { "vcpu0", 0, 0 },
					       { "vcpu1", 1, 3 },
					       { "io0", -1, 0 } };

struct run {
	struct trace_writer *w;
	uint64_t now[2], requests, seed;
	uint32_t num[2];
};

/* xorshift64 (Marsaglia, 2003) */
static uint64_t any(struct run *r, uint64_t below)
{
	r->seed ^= r->seed << 13;
	r->seed ^= r->seed >> 7;
	r->seed ^= r->seed << 17;
	return r->seed % below;
}

static struct trace_rec event(uint64_t t, uint16_t dev, enum trace_event e, uint64_t a, uint64_t b)
{
	return (struct trace_rec){
		.t = t, .kind = TRACE_EVENT, .dev = dev, .num = e, .event = { { a, b } }
	};
}

static int serial(struct run *r, struct trace_rec *x, struct trace_rec *came)
{
	static const char text[] = "Linux version 6.1 </script>";
	bool write = any(r, 2);

	x->dev = SERIAL;
	x->exit.reason = TRACE_PIO;
	x->exit.off = write ? 0 : 5;
	x->exit.addr = 0x3f8 + x->exit.off;
	x->exit.flags = write ? TRACE_X_WRITE : 0;
	x->exit.value = write ? (uint8_t)text[any(r, sizeof(text) - 1)] : 0x60;
	if (!write)
		return 0;
	came[0] = (struct trace_rec){ .t = x->t + 500, .kind = TRACE_FIELD, .dev = SERIAL };
	came[0].field.from = 0x60;
	came[1] = event(x->t + 700, SERIAL, TRACE_E_IRQ_LINE, 4, 1);
	return 2;
}

static int disk(struct run *r, struct trace_rec *x, struct trace_rec *came, unsigned cpu,
		struct error **errp)
{
	uint64_t id = r->requests++;
	struct trace_rec q[2] = { event(x->t + 900, DISK, TRACE_E_IO_BEGIN, id, any(r, 2)),
				  event(x->t + 30000 + any(r, 90000), DISK, TRACE_E_IO_END, id,
					0) };

	q[0].event.arg[2] = 4096 * any(r, 1000);
	q[0].event.arg[3] = 4096;
	x->dev = DISK;
	x->exit.reason = TRACE_MMIO;
	x->exit.off = 0x50;
	x->exit.addr = 0xfe000050;
	x->exit.size = 4;
	x->exit.flags = TRACE_X_WRITE;
	came[0] = event(x->t + 700, DISK, TRACE_E_IRQ_INJECT, 0x31, cpu);
	if (trace_writer_put(r->w, IO_THREAD, &threads[IO_THREAD], q, 2, errp) < 0)
		return -1;
	return 1;
}

/* One exit and what came of it, which stands in front of it. */
static int add(struct run *r, struct error **errp)
{
	unsigned cpu = (unsigned)any(r, 2);
	struct trace_rec rec[4] = { { 0 } }, x = { .kind = TRACE_EXIT, .dev = TRACE_NO_DEV };
	uint64_t guest = r->num[0] / 1000 % 5 ? 2000 + any(r, 60000) : 200 + any(r, 3000);
	uint64_t kind = any(r, 20);
	int cnt = 0;

	x.t = r->now[cpu] + guest;
	x.num = ++r->num[cpu];
	x.exit.rip = UINT64_C(0xffffffff81000000) + any(r, 4096);
	x.exit.guest = (uint32_t)guest;
	x.exit.away = (uint32_t)((1200 + any(r, 3000)) * (any(r, 50) ? 1 : 20));
	x.exit.handler = x.exit.away / 3;
	x.exit.size = 1;
	x.exit.count = 1;
	x.exit.reason = TRACE_PIO;
	if (kind < 10)
		cnt = serial(r, &x, rec);
	else if (kind < 14)
		cnt = disk(r, &x, rec, cpu, errp);
	else if (kind < 16)
		x.exit.reason = TRACE_HLT, x.exit.away = (uint32_t)(5000 + any(r, 200000));
	else if (kind < 18)
		x.dev = PIT, x.exit.addr = 0x40;
	else if (kind < 19)
		x.exit.reason = TRACE_EOI, x.exit.addr = 0x31;
	else
		x.exit.flags = TRACE_X_NOBODY, x.exit.addr = any(r, 65536);
	if (cnt < 0)
		return cnt;
	rec[cnt++] = x;
	r->now[cpu] = x.t + x.exit.away;
	return trace_writer_put(r->w, cpu, &threads[cpu], rec, (unsigned)cnt, errp);
}

static int write_all(const char *path, unsigned exits, struct error **errp)
{
	struct run r = { .now = { BEGIN, BEGIN + 500000 }, .seed = 88172645463325252 };
	struct trace_cpu_time time[2] = { { 0 } };
	const struct trace_stat stat[] = { { "exits", 5 * (uint64_t)exits },
					   { "io_exits", exits },
					   { "irq_injections", exits / 7 } };
	int err = trace_writer_open(path, &machine, &r.w, errp);

	for (unsigned i = 0; i < exits && err == 0; i++)
		err = add(&r, errp);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t wall = r.now[i] - BEGIN;

		time[i] = (struct trace_cpu_time){ wall, wall * 7 / 10, wall / 10, wall / 10,
						   wall / 20 };
	}
	if (err == 0)
		err = trace_writer_finish(r.w, time, 2, stat, ARRAY_LEN(stat), NULL, 0, errp);
	trace_writer_free(r.w);
	return err;
}

int main(int argc, char **argv)
{
	_cleanup_(error_freep) struct error *err = NULL;

	if (argc < 2)
		return 2;
	if (write_all(argv[1], argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 3000, &err) == 0)
		return 0;
	error_print(err, stderr);
	return 1;
}
