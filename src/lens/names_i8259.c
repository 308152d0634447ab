/* SPDX-License-Identifier: MIT */
/* names_i8259.c: 8259A: initialization command words come in a row, operation ones at any time. */
#include "lens/names.h"

#define ICW1      0x10u
#define ICW1_IC4  0x01u
#define ICW1_SNGL 0x02u
#define OCW3      0x08u
#define OCW3_RR   0x02u
#define OCW3_RIS  0x01u
#define OCW3_POLL 0x04u

/* Of each of the two: the ICW that comes next (0: none), ICW1, and OCW3. */
enum { SEEN_MASTER, SEEN_SLAVE };
#define NEXT(w)      ((w)&0xff)
#define WITH(w)      ((w) >> 8 & 0xff)
#define READ_ISR     0x10000u
#define READ_POLL    0x20000u
#define STATE(n, w1) ((n) | (uint32_t)(w1) << 8)

static const struct bits icw1[] = {
	{ 0x01, "IC4" }, { 0x02, "SNGL" }, { 0x08, "LTIM" }, { 0x10, "INIT" }, { 0 },
};
static const struct bits icw4[] = {
	{ 0x01, "x86" }, { 0x02, "AEOI" }, { 0x0c, "BUF" }, { 0x10, "SFNM" }, { 0 },
};
static const struct bits ocw2[] = {
	{ 0x07, "LEVEL" }, { 0x20, "EOI" }, { 0x40, "SL" }, { 0x80, "R" }, { 0 },
};
static const struct bits ocw3[] = {
	{ 0x01, "RIS" }, { 0x02, "RR" }, { 0x04, "POLL" }, { 0x20, "SMM" }, { 0x40, "ESMM" }, { 0 },
};
static const struct bits irqs[] = {
	{ 0x01, "IR0" }, { 0x02, "IR1" }, { 0x04, "IR2" }, { 0x08, "IR3" }, { 0x10, "IR4" },
	{ 0x20, "IR5" }, { 0x40, "IR6" }, { 0x80, "IR7" }, { 0 },
};

static bool is_elcr(const struct access *a)
{
	return in_region(a, "i8259 elcr");
}

static unsigned which(const struct access *a)
{
	return in_region(a, "i8259 slave") ? SEEN_SLAVE : SEEN_MASTER;
}

struct word {
	const char *name;
	const struct bits *bits;
};

static struct word word_of(const struct access *a, uint32_t seen)
{
	static const struct word icw[] = { [2] = { "ICW2 (vector)", NULL },
					   [3] = { "ICW3 (cascade)", irqs },
					   [4] = { "ICW4", icw4 } };

	if (is_elcr(a))
		return (struct word){ a->off ? "ELCR2" : "ELCR1", irqs };
	if (a->off)
		return a->write && NEXT(seen) ? icw[NEXT(seen)] : (struct word){ "IMR", irqs };
	if (!a->write)
		return seen & READ_POLL  ? (struct word){ "poll", NULL }
		       : seen & READ_ISR ? (struct word){ "ISR", irqs }
					 : (struct word){ "IRR", irqs };
	if (a->value & ICW1)
		return (struct word){ "ICW1", icw1 };
	return a->value & OCW3 ? (struct word){ "OCW3", ocw3 } : (struct word){ "OCW2", ocw2 };
}

static const struct bits *name(const struct access *a, const struct seen *s, struct str *ret)
{
	struct word w = word_of(a, s->word[which(a)]);

	str_add(ret, "PIC%s %s", is_elcr(a) ? "" : which(a) == SEEN_MASTER ? "1" : "2", w.name);
	return w.bits;
}

/* 8259A, figure 6: ICW3 only with a cascade, ICW4 only if ICW1 says so. */
static unsigned next_icw(unsigned done, uint32_t with)
{
	if (done == 2 && !(with & ICW1_SNGL))
		return 3;
	return done < 4 && with & ICW1_IC4 ? 4 : 0;
}

static void see(const struct access *a, struct seen *s)
{
	uint32_t *w = &s->word[which(a)];

	if (is_elcr(a))
		return;
	if (!a->write)
		*w &= ~READ_POLL;
	else if (a->off)
		*w = (*w & ~0xffu) | (NEXT(*w) ? next_icw(NEXT(*w), WITH(*w)) : 0);
	else if (a->value & ICW1)
		*w = STATE(2, a->value & 0xff);
	else if (a->value & OCW3) {
		if (a->value & OCW3_RR)
			*w = a->value & OCW3_RIS ? *w | READ_ISR : *w & ~READ_ISR;
		*w = a->value & OCW3_POLL ? *w | READ_POLL : *w;
	}
}

#define PIC(p, n)                                                                                  \
	{ p ".pins", n " pins", irqs }, { p ".latch", n " IRR", irqs },                            \
		{ p ".imr", n " IMR", irqs }, { p ".isr", n " ISR", irqs },                        \
		{ p ".elcr", n " ELCR", irqs }, { p ".icw1", n " ICW1", icw1 },                    \
		{ p ".icw2", n " ICW2", NULL }, { p ".icw3", n " ICW3", NULL },                    \
		{ p ".icw4", n " ICW4", icw4 }, { p ".step", n " initialization", NULL },          \
		{ p ".lowest", n " lowest priority", NULL },                                       \
		{ p ".special_mask", n " special mask", NULL },                                    \
		{ p ".rotate_aeoi", n " rotate in AEOI", NULL },                                   \
		{ p ".read_isr", n " reads ISR", NULL },                                           \
	{                                                                                          \
		p ".poll", n " poll", NULL                                                         \
	}

static const struct state state[] = { PIC("master", "PIC1"), PIC("slave", "PIC2"), { 0 } };

const struct chip chip_i8259 = { "i8259", name, see, state, NULL };
