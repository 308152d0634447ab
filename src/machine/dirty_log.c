/* SPDX-License-Identifier: MIT */
/*
 * dirty_log.c: --dirty-log: which pages the guest writes, round by round. A round ends when the
 * guest writes a new code to the POST port, so that it is the guest's own progress that divides
 * them, and not the host's clock. What devices write into guest memory is not in KVM's log.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "machine/machine_internal.h"
#include "vmm/error.h"
#include "vmm/trace.h"

/* A guest ends as many rounds as it likes; what is kept of them is bounded. */
#define ROUNDS_MAX 64u
#define RUNS_MAX   8u

struct run {
	gpa_t first;
	uint64_t pages;
};

struct round {
	uint8_t code;
	uint64_t pages;
	unsigned run_cnt; /* all of them; RUNS_MAX at most are kept */
	struct run run[RUNS_MAX];
};

struct dirty_log {
	unsigned round_cnt; /* all of them */
	uint64_t pages;
	int failed; /* -errno: KVM has stopped telling */
	uint16_t dev;
	struct round now, round[ROUNDS_MAX];
};

int machine_init_dirty_log(struct machine *m, struct error **errp)
{
	if (!m->config->lab.dirty_log)
		return 0;
	m->dirty = calloc(1, sizeof(*m->dirty));
	if (!m->dirty)
		return err_errno(errp, ENOMEM, "preparing the log of pages written");
	vm_want_dirty_log(m->vm);
	return 0;
}

static void add_run(void *opaque, gpa_t first, uint64_t pages)
{
	struct dirty_log *d = opaque;
	struct round *r = &d->now;

	if (r->run_cnt < RUNS_MAX) {
		r->run[r->run_cnt] = (struct run){ first, pages };
		trace_event(TRACE_E_DIRTY, d->dev, first, pages);
	}
	r->run_cnt++;
	r->pages += pages;
}

void machine_end_round(void *machine, uint8_t code, uint16_t dev)
{
	struct machine *m = machine;
	struct dirty_log *d = m->dirty;

	if (!d || d->failed)
		return;
	d->now = (struct round){ .code = code };
	d->dev = dev;
	d->failed = vm_take_dirty_log(m->vm, m->gm, add_run, d);
	if (d->failed)
		return;
	if (d->round_cnt < ROUNDS_MAX)
		d->round[d->round_cnt] = d->now;
	d->round_cnt++;
	d->pages += d->now.pages;
}

static void print_round(const struct round *r, FILE *f)
{
	fprintf(f, "  dirty    POST %#04x: %" PRIu64 " page%s", r->code, r->pages,
		r->pages == 1 ? "" : "s");
	for (unsigned i = 0; i < r->run_cnt && i < RUNS_MAX; i++) {
		fprintf(f, "%s %#" PRIx64, i ? "," : ":", r->run[i].first);
		if (r->run[i].pages > 1)
			fprintf(f, " (%" PRIu64 ")", r->run[i].pages);
	}
	fprintf(f, "%s\n", r->run_cnt > RUNS_MAX ? ", ..." : "");
}

void machine_print_dirty_log(const struct machine *m, FILE *f)
{
	const struct dirty_log *d = m->dirty;

	if (!d)
		return;
	for (unsigned i = 0; i < d->round_cnt && i < ROUNDS_MAX; i++)
		print_round(&d->round[i], f);
	if (d->round_cnt > ROUNDS_MAX)
		fprintf(f, "  dirty    and %u rounds more\n", d->round_cnt - ROUNDS_MAX);
	if (!d->round_cnt && !d->failed)
		fputs("  dirty    the guest has ended no round: it wrote nothing to port 0x80\n",
		      f);
	if (d->failed)
		fprintf(f, "  dirty    KVM does not say which pages were written (%s)\n",
			strerrordesc_np(-d->failed));
	else
		fprintf(f, "  dirty    %" PRIu64 " page%s in %u round%s\n", d->pages,
			d->pages == 1 ? "" : "s", d->round_cnt, d->round_cnt == 1 ? "" : "s");
}
