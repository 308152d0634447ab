/* SPDX-License-Identifier: MIT */
/*
 * lens.h: records turned into what people read: names, instructions, lines, filters, summaries.
 * Used by live traces, by recordings and by the step prompt alike. Any thread, one at a time.
 */
#ifndef VMM_LENS_H
#define VMM_LENS_H

#include "vmm/str.h"
#include "vmm/trace_file.h"

struct error;

struct lens_seen;

/* What lines are made with. All of it borrowed. */
struct lens {
	const struct trace_machine *machine;
	const struct symbols *symbols; /* NULL: none */
	uint64_t slide;                /* guest address less linked address */
	bool slide_known;
	struct lens_seen *seen; /* NULL: registers behind an index are called by their window */
};

/* --- names ------------------------------------------------------------------------------------ */

/*
 * What a register is can depend on what the guest wrote before: the index in port 0x70, DLAB, the
 * ICWs of an 8259. That is remembered here: lens_see() is told of each exit, in the order of time
 * and after it was named. NULL: no memory, which lens_see() takes as well.
 */
struct lens_seen *lens_seen_new(const struct trace_machine *m);
struct lens_seen *lens_seen_free(struct lens_seen *s); /* NULL-safe, returns NULL */
void lens_see(const struct lens *l, const struct trace_rec *x);

/* "COM1 THR", "PIT channel 0", "disk0 queue_notify 0", "PCI 00:03.0 (disk0) BAR1": what the guest
 * accessed in @x, from the data sheet's or the specification's names; always something. */
void lens_register_name(const struct lens *l, const struct trace_rec *x, struct str *ret);

/* "THRE|TEMT", "'L'": what the value of @x means in that register. Empty: just that number. */
void lens_value(const struct lens *l, const struct trace_rec *x, struct str *ret);

/* "LSR.THRE 0 -> 1", "irq 4 raised": what an event or changed field means. Empty: nothing to say.
 */
void lens_effect(const struct lens *l, const struct trace_rec *r, struct str *ret);

/* "serial8250_tx+0x3c", or nothing: no symbols, no such address among them, or it is not known
 * (yet) where the kernel is. */
void lens_symbol(const struct lens *l, uint64_t rip, struct str *ret);

/* "HLT", "IO OUT", "MMIO read", "EOI" ... of an exit. */
const char *lens_kind_name(const struct trace_rec *x);

/* --- where the kernel is (KASLR) -------------------------------------------------------------- */

/* Nothing but Linux moves itself: the symbols of others are where they were linked. */
bool lens_is_linux(const struct symbols *s);

/* From one TRACE_KERNEL record, how far the kernel with the symbols @s is from where it was linked.
 * False: it does not tell, or contradicts @s. */
bool lens_slide(const struct symbols *s, const struct trace_rec *kernel, uint64_t *ret);

/* The same over a recording, in which the guest may start anew. What is found out late holds for
 * what was before. */
#define LENS_SLIDES_MAX 64
struct lens_slides {
	struct lens_epoch {
		uint64_t from, slide;
	} v[LENS_SLIDES_MAX];
	unsigned cnt;
};
/* -ENODATA: the records do not tell; -EINVAL: @s are another kernel's. *ret is usable (empty) then.
 */
int lens_slides_find(const struct symbols *s, const struct trace_rec *kernel, size_t cnt,
		     struct lens_slides *ret, struct error **errp) __must_check;
/*
 * Of a recording: what it says itself, or, where its symbols were replaced by a whole kernel's,
 * what its records tell. Errors as above.
 */
int lens_slides_of(const struct trace *t, struct lens_slides *ret,
		   struct error **errp) __must_check;
/* Sets l->slide and l->slide_known as of @time. */
void lens_slide_at(const struct lens_slides *t, uint64_t time, struct lens *l);

/* --- instructions ----------------------------------------------------------------------------- */

struct lens_insn {
	uint64_t rip; /* where it begins */
	uint8_t len, bytes[15];
	char text[96]; /* "out dx, al" */
};
/*
 * The instruction that made the exit @x, from its @code record: at RIP, or just before it where KVM
 * has stepped over it. Where both would fit, what was the case with others decides, which is
 * remembered in @l->seen. False: not known, or no instruction made it (the host, an interrupt).
 */
bool lens_insn(const struct lens *l, const struct trace_rec *x, const struct trace_rec *code,
	       struct lens_insn *ret);
/* One instruction at @p; its length, 0 if that is none. @bits: 16, 32, 64. Of what is not in
 * @ret->text because there is no library for it, lens_disassembler_missing() tells why. */
unsigned lens_disassemble(const uint8_t *p, size_t len, uint64_t rip, unsigned bits,
			  struct lens_insn *ret);
/* NULL, or a sentence on why instructions other than IN, OUT and HLT are bytes. */
const char *lens_disassembler_missing(void);

/* --- lines ------------------------------------------------------------------------------------ */

/*
 * #004217 +12.381ms vcpu0 IO OUT 0x3f8 (COM1 THR) <- 0x4c 'L' rip=ffffffff81...
 * (serial8250_tx+0x3c) out dx, al | LSR.THRE 0 -> 1, irq 4 raised | handler 0.9us, away 2.1us
 */
void lens_line(const struct lens *l, const struct trace_item *it, const struct trace_thread *th,
	       struct str *ret);

/* --- why (src/lens/why.c) --------------------------------------------------------------------- */

/* What decides which rule it was, besides the record. */
struct lens_why {
	bool amd;            /* the host's CPU has SVM; else VMX */
	const char *irqchip; /* "split", "kernel", "user" */
};
/*
 * Two sentences: the rule that took this exit out of the guest and out of KVM; the sections of
 * Intel's and AMD's manuals; what KVM does about its like by itself. Always something.
 */
void lens_why(const struct lens_why *how, const struct trace_rec *x, struct str *ret);
/* The rule's name, "I/O port", for tests: NULL for a record that is no exit. */
const char *lens_why_rule(const struct lens_why *how, const struct trace_rec *x);
/* The same in parts, all of them static; of @how the processor is not looked at. False: no exit. */
struct lens_reason {
	const char *cpu, *kvm; /* a sentence each */
	const char *sdm, *apm; /* sections */
	const char *kept;      /* what KVM does by itself; NULL: nothing like it */
};
bool lens_reason(const struct lens_why *how, const struct trace_rec *x, struct lens_reason *ret);

/* --- filters ---------------------------------------------------------------------------------- */

/*
 * "kind=io,dev=serial0", "addr=0x3f8-0x3ff", "!kind=hlt", "vcpu=0", "rip=serial8250_tx", words
 * joined by ',' must all fit, alternatives by '|'. docs/lens.md has the grammar. Names are checked
 * against @m, if given: one that names nothing is an error that lists what there is.
 */
struct lens_filter;
int lens_filter_parse(const char *text, const struct trace_machine *m, struct lens_filter **ret,
		      struct error **errp) __must_check;
/* Symbols are looked up when they are known, possibly later than the filter. */
bool lens_filter_fits(const struct lens_filter *f, const struct lens *l, const struct trace_rec *r,
		      int vcpu);
/* -ENOENT if it names a function that is not among @s. */
int lens_filter_check_symbols(const struct lens_filter *f, const struct symbols *s,
			      struct error **errp) __must_check;
struct lens_filter *lens_filter_free(struct lens_filter *f); /* NULL-safe, returns NULL */

/* --- summaries -------------------------------------------------------------------------------- */

struct lens_summary;
struct lens_summary *lens_summary_new(void); /* NULL: no memory */
/*
 * Adds an exit, or an event, which counts for its device; other records are passed over. It is
 * named here, so lens_see() is told of it afterwards, by the caller, once. Memory is bounded: where
 * a guest accesses more registers than there are rows, the rarer half of them goes to the row
 * "other", and what is not in a row any more is still in that sum.
 */
void lens_summary_add(struct lens_summary *s, const struct lens *l, const struct trace_rec *x);
/* How many registers are printed; 0: all. */
void lens_summary_rows(struct lens_summary *s, unsigned max);
/*
 * The table: exits by kind x register with count, share of the vCPUs' wall time, total, p50, p99
 * (3.2 % off at most; one that took longer than 4.29 s counts as that); devices, used or not; time
 * split; what KVM handled without us. @time, @stat may be NULL.
 */
void lens_summary_print(const struct lens_summary *s, const struct lens *l,
			const struct trace_cpu_time *time, unsigned cpu_cnt,
			const struct trace_stat *stat, unsigned stat_cnt, uint64_t lost,
			struct str *ret);
struct lens_summary *lens_summary_free(struct lens_summary *s); /* NULL-safe, returns NULL */

/* What @exits of a run don't show, in a sentence or two, by KVM's statistics. */
void lens_unseen(uint64_t exits, const struct trace_stat *stat, unsigned stat_cnt, struct str *ret);

#endif
