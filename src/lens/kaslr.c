/* SPDX-License-Identifier: MIT */
/*
 * kaslr.c: where a guest's kernel is, less where it was linked.
 *
 * A Linux for x86-64 that moves itself (arch/x86/boot/compressed/kaslr.c) goes up by less than 1
 * GiB and by whole units of CONFIG_PHYSICAL_ALIGN, 2 MiB or more. MSR_LSTAR tells where its entry
 * for system calls is, and until the IDT gets an address of its own (CPU_ENTRY_AREA), IDTR tells
 * where that was linked. A distance that cannot be is none: then the symbols are another kernel's.
 */
#include <errno.h>
#include <inttypes.h>

#include "vmm/error.h"
#include "vmm/lens.h"
#include "vmm/symbols.h"

#define SLIDE_UNIT  (2 * MIB)
#define SLIDE_LIMIT GIB
#define IMAGE_BASE  UINT64_C(0xffffffff80000000)
#define IMAGE_LIMIT UINT64_C(0xffffffffc0000000)

/* The stronger ones first: MSR_LSTAR holds nothing else. */
enum { FIRST_IDT = 2 };
static const char *const symbol[] = { "entry_SYSCALL_64", "system_call" /* until 4.3 */,
				      "idt_table", "bringup_idt_table" };

/* Where those were linked; 0: no such symbol. */
struct witnesses {
	uint64_t linked[ARRAY_LEN(symbol)];
};

enum verdict { SILENT, MAYBE, SURE, CONTRADICTS };

static struct witnesses find_witnesses(const struct symbols *s)
{
	struct witnesses w;

	for (unsigned i = 0; i < ARRAY_LEN(symbol); i++) {
		const struct symbol *y = symbols_by_name(s, symbol[i]);

		w.linked[i] = y ? y->addr : 0;
	}
	return w;
}

static bool in_image(uint64_t at)
{
	return at >= IMAGE_BASE && at < IMAGE_LIMIT;
}

static bool is_possible(uint64_t at, uint64_t linked)
{
	uint64_t slide = at - linked;

	return linked && slide < SLIDE_LIMIT && slide % SLIDE_UNIT == 0;
}

/* Addresses outside of the image say nothing; IDTR has held those of other tables, early on. */
static enum verdict hear(const struct witnesses *w, const struct trace_rec *r, uint64_t *slide)
{
	for (unsigned i = 0; i < ARRAY_LEN(symbol); i++) {
		uint64_t at = i < FIRST_IDT ? r->kernel.lstar : r->kernel.idt;

		if (!in_image(at) || !is_possible(at, w->linked[i]))
			continue;
		*slide = at - w->linked[i];
		return i < FIRST_IDT ? SURE : MAYBE;
	}
	*slide = 0;
	return in_image(r->kernel.lstar) ? CONTRADICTS : SILENT;
}

static bool is_linux(const struct witnesses *w)
{
	return w->linked[0] || w->linked[1];
}

bool lens_is_linux(const struct symbols *s)
{
	const struct witnesses w = find_witnesses(s);

	return is_linux(&w);
}

bool lens_slide(const struct symbols *s, const struct trace_rec *kernel, uint64_t *ret)
{
	const struct witnesses w = find_witnesses(s);
	enum verdict v = hear(&w, kernel, ret);

	return v == SURE || v == MAYBE;
}

/* --- over a recording: a guest that starts anew may be elsewhere -------------------------------
 */

static void add(struct lens_slides *t, uint64_t from, uint64_t slide)
{
	struct lens_epoch *last = t->cnt ? &t->v[t->cnt - 1] : NULL;

	if (t->cnt == LENS_SLIDES_MAX || (last && last->slide == slide))
		return;
	t->v[t->cnt++] = (struct lens_epoch){ .from = last ? from : 0, .slide = slide };
}

/*
 * A CPU without an entry for system calls has just been reset, or is another that comes up now:
 * from then on it is what the next one says. IDTR's word holds until MSR_LSTAR says otherwise.
 */
static bool follow(const struct witnesses *w, const struct trace_rec *kernel, size_t cnt,
		   struct lens_slides *ret)
{
	enum verdict known = SILENT, v;
	bool contradicted = false;
	uint64_t from = 0, slide;

	for (size_t i = 0; i < cnt; i++) {
		if (known != SILENT && !kernel[i].kernel.lstar) {
			known = SILENT;
			from = kernel[i].t;
		}
		v = hear(w, &kernel[i], &slide);
		contradicted |= v == CONTRADICTS;
		if (v == SILENT || v == CONTRADICTS)
			continue;
		if (known == MAYBE && v == SURE)
			ret->v[ret->cnt - 1].slide = slide;
		else if (v >= known)
			add(ret, known == SILENT ? from : kernel[i].t, slide);
		known = v > known ? v : known;
	}
	return !contradicted;
}

int lens_slides_find(const struct symbols *s, const struct trace_rec *kernel, size_t cnt,
		     struct lens_slides *ret, struct error **errp)
{
	const struct witnesses w = find_witnesses(s);
	bool fits;

	*ret = (struct lens_slides){ 0 };
	if (!is_linux(&w)) {
		add(ret, 0, 0);
		return 0;
	}
	fits = follow(&w, kernel, cnt, ret);
	if (ret->cnt)
		return 0;
	if (fits)
		return err_set(errp, ENODATA,
			       "the guest's kernel did not get so far that one can tell where it "
			       "is");
	err_set(errp, EINVAL, "the symbols are not those of the guest's kernel");
	err_hint(errp, "the kernel that was booted has its own: --symbols KERNEL");
	return -EINVAL;
}

int lens_slides_of(const struct trace *t, struct lens_slides *ret, struct error **errp)
{
	const struct witnesses w = find_witnesses(t->symbols);
	int r;

	*ret = (struct lens_slides){ 0 };
	if (!t->slide_known)
		return lens_slides_find(t->symbols, t->kernel, t->kernel_cnt, ret, errp);
	/* Of its own symbols not all witnesses need be there. */
	r = is_linux(&w) ? lens_slides_find(t->symbols, t->kernel, t->kernel_cnt, ret, NULL)
			 : -ENODATA;
	if (r < 0)
		add(ret, 0, t->slide);
	return 0;
}

void lens_slide_at(const struct lens_slides *t, uint64_t time, struct lens *l)
{
	unsigned i = 0;

	l->slide_known = t->cnt;
	while (i + 1 < t->cnt && t->v[i + 1].from <= time)
		i++;
	l->slide = t->cnt ? t->v[i].slide : 0;
}

void lens_symbol(const struct lens *l, uint64_t rip, struct str *ret)
{
	const struct symbol *y;
	uint64_t off;

	if (!l->symbols || !l->slide_known || rip < l->slide)
		return;
	y = symbols_find(l->symbols, rip - l->slide, &off);
	if (!y)
		return;
	str_add(ret, "%s", symbol_name(l->symbols, y));
	if (off)
		str_add(ret, "+%#" PRIx64, off);
}
