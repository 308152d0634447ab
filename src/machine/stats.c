/* SPDX-License-Identifier: MIT */
/* stats.c: what a run cost. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "machine/machine_internal.h"
#include "vmm/parse.h"

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static void print_start(const struct machine *m, FILE *f)
{
	fprintf(f, "  start    %.0f us of CPU time from exec to the first guest instruction\n",
		(double)vcpu_set_stats(m->cpus).first_entry_ns / 1e3);
}

static void print_exits(const struct machine *m, FILE *f)
{
	struct vcpu_stats s = vcpu_set_stats(m->cpus);
	struct bus_stats pio = bus_stats(m->pio), mmio = bus_stats(m->mmio);

	fprintf(f,
		"  exits    %" PRIu64 ": %" PRIu64 " port, %" PRIu64 " memory, %" PRIu64
		" halt, %" PRIu64 " interrupt window, %" PRIu64 " EOI, %" PRIu64 " other\n",
		s.exits, s.pio, s.mmio, s.hlt, s.irq_window, s.eoi, s.other);
	fprintf(f, "  nobody   answered %" PRIu64 " reads and %" PRIu64 " writes\n",
		pio.unclaimed_reads + mmio.unclaimed_reads,
		pio.unclaimed_writes + mmio.unclaimed_writes);
}

/* Exits that KVM handled by itself are not in these figures; only those that reached this process
 * are. */
void machine_print_stats(const struct machine *m, FILE *f)
{
	struct rusage ru;
	char size[24];

	getrusage(RUSAGE_SELF, &ru);
	fprintf(f,
		"  time     %.3f s of guest, %.1f ms to build it; %.3f s CPU user, %.3f s system\n",
		(double)(m->ended_ns - m->started_ns) / 1e9,
		(double)(m->started_ns - m->created_ns) / 1e6, seconds(&ru.ru_utime),
		seconds(&ru.ru_stime));
	print_start(m, f);
	print_exits(m, f);
	format_size((uint64_t)ru.ru_maxrss * KIB, size, sizeof(size));
	fprintf(f, "  memory   %s resident at most, guest RAM included; %u resets\n", size,
		m->resets);
}
