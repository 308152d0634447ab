/* SPDX-License-Identifier: MIT */
/*
 * fuzz_step.c: what is typed at the prompt of `trapeze step`, in front of a guest whose registers,
 * tables and memory are made up as well: the lines first, and behind a NUL what is in memory.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "cli/step.h"
#include "tests/lib/fake_guest.h"

static size_t said;

static void say(void *opaque, const char *text, size_t len)
{
	(void)opaque;
	(void)text;
	said += len;
}

static size_t key(void *opaque, const uint8_t *buf, size_t len)
{
	(void)opaque;
	(void)buf;
	return len / 2;
}

static void stands(void *opaque)
{
	(void)opaque;
}

static void flush(void *opaque, bool all)
{
	(void)opaque;
	(void)all;
}

/* Registers and the first pages, where the tables of the fake are. */
static void make_up(struct fake_guest *f, struct input *in)
{
	struct debug_regs *r = &f->d.regs[0];

	while (in->left) {
		uint64_t at = take(in, 2), v = take(in, 8);

		if (at < 0x200)
			memcpy((uint8_t *)r + at % (sizeof(*r) - 8), &v, 8);
		else
			fake_guest_put64(f, at * 8, v);
	}
	memset(&r->has_ymm, 0, sizeof(r->has_ymm));
}

static void prepare_stops(struct fake_guest *f, unsigned seed)
{
	for (unsigned i = 0; i < 8; i++) {
		struct debug_stop *d = fake_guest_stop(
			f, (seed >> i & 1) ? DBG_STOP_EXIT : DBG_STOP_STEP, seed >> 8 & 1);

		d->rec = (struct trace_rec){ .kind = TRACE_EXIT, .num = i + 1 };
		d->rec.exit.reason = (uint8_t)(seed >> 4);
		d->rec.exit.addr = seed;
	}
	fake_guest_stop(f, DBG_STOP_ASKED, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct trace_machine machine = { .cpu_cnt = FAKE_GUEST_CPUS };
	struct fake_guest f;
	struct step s = { .say = say, .key = key, .stands = stands, .flush = flush };
	const uint8_t *nul = memchr(data, 0, len);
	size_t lines = nul ? (size_t)(nul - data) : len;
	struct input in = { data + lines, len - lines };
	char *text = malloc(lines + 1), *save = NULL;
	unsigned n = 0;

	fake_guest_init(&f);
	make_up(&f, &in);
	s.target = &f.d.target;
	s.lens.machine = &machine;
	s.host.irqchip = "split";
	must(step_init(&s, NULL) == 0);
	memcpy(text, data, lines);
	text[lines] = 0;
	for (char *l = strtok_r(text, "\n", &save); l && n < 32 && !s.quit;
	     l = strtok_r(NULL, "\n", &save), n++) {
		said = 0;
		step_command(&s, l);
		if (s.running) {
			f.stop_cnt = f.stop_next = 0;
			prepare_stops(&f, (unsigned)lines * 2654435761u + n);
			fake_guest_run(&f);
		}
		must(!s.running && said < 1u << 20);
	}
	step_free(&s);
	fake_guest_fini(&f);
	free(text);
	return 0;
}
