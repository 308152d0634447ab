/* SPDX-License-Identifier: MIT */
/*
 * step.h: `trapeze step`: a prompt in front of a machine that stands still until it is told to go.
 *
 * The engine (step_engine.c, step_run.c, step_break.c, step_tape.c) lives on the control thread and
 * knows a debug_target, a table of commands and a place for text: a test drives it with a target of
 * its own. The rest gives it lines (step_input.c, on a thread of its own that waits while the guest
 * runs) and the guest a console (step_console.c).
 */
#ifndef CLI_STEP_H
#define CLI_STEP_H

#include <stdatomic.h>

#include "vmm/debug.h"
#include "vmm/inspect.h"
#include "vmm/lens.h"
#include "vmm/symbols.h"

struct error;
struct step;

/* --- what was seen (step_tape.c) -------------------------------------------------------------- */

/* The last exits with what came of them, from the rings of trace.h. */
#define TAPE_ITEMS   512u /* a power of two */
#define TAPE_EFFECTS 24u
#define TAPE_CPUS    256u
#define TAPE_CODES   1024u

struct tape_item {
	struct trace_rec rec, code, effect[TAPE_EFFECTS];
	unsigned effect_cnt, cpu;
	bool has_code;
	unsigned more; /* effects for which there was no room */
};

struct step_tape {
	struct tape_item *item;  /* TAPE_ITEMS */
	uint64_t cnt;            /* items so far: the last is item[(cnt - 1) % TAPE_ITEMS] */
	struct trace_rec *code;  /* TAPE_CODES, by RIP */
	struct trace_rec kernel; /* the last TRACE_KERNEL; kind 0: none yet */
	struct tape_item *open;  /* TAPE_CPUS: what is being put together */
	uint64_t lost;
};

int step_tape_init(struct step_tape *t, struct error **errp) __must_check;
void step_tape_free(struct step_tape *t);
/* Takes what the rings have. Control thread. */
void step_tape_pull(struct step_tape *t);
/* One record of CPU @cpu's, in its order: for _pull() and tests. */
void step_tape_add(struct step_tape *t, unsigned cpu, const struct trace_rec *r);
/* The item @back items ago, 0 is the last; NULL: no longer, or never. */
const struct tape_item *step_tape_at(const struct step_tape *t, uint64_t back);
/* As lens_line() has it. */
void step_tape_line(const struct lens *l, const struct tape_item *it, struct str *out);

/* --- breakpoints (step_break.c) --------------------------------------------------------------- */

enum step_break_kind { STEP_CODE, STEP_WATCH, STEP_EXIT };

struct step_break {
	unsigned number; /* 0: for one run only, and not listed */
	enum step_break_kind kind;
	struct debug_break hw;      /* STEP_CODE, STEP_WATCH */
	struct lens_filter *filter; /* STEP_EXIT; NULL: the @nth exit */
	uint64_t nth;               /* of the CPU's exits, as lines number them */
	_Atomic uint64_t hits;
	char text[128]; /* as it was asked for */
	struct step_break *next;
};

/* --- the engine ------------------------------------------------------------------------------- */

enum step_goal {
	GOAL_GO,    /* until something stops it */
	GOAL_STEPS, /* so many instructions */
	GOAL_EXITS, /* so many exits */
	GOAL_UNTIL, /* until an expression holds, looked at after each exit */
};

struct step {
	struct debug_target *target;
	struct inspect in;
	struct lens lens;
	struct symbols symbols;
	struct lens_why host;
	struct step_tape tape;
	bool repeats;    /* an empty line is the last command that let the guest go */
	char again[256]; /* that; empty: none yet */

	/* Text for people, in whole lines. */
	void (*say)(void *opaque, const char *text, size_t len);
	/* What was typed for the guest; how much of it was taken. */
	size_t (*key)(void *opaque, const uint8_t *buf, size_t len);
	/* The guest stands again, or has ended: the next command may come. */
	void (*stands)(void *opaque);
	/* The guest runs now, and stands now: its console may speak in between. */
	void (*flush)(void *opaque, bool all);
	void *opaque;

	bool running, ended, quit;
	unsigned failed; /* commands that were refused */
	struct trace_rec last_exit;
	bool has_last_exit;
	uint64_t seen; /* items of the tape that were shown or passed */

	/* The run that goes on. */
	enum step_goal goal;
	uint64_t left;          /* GOAL_STEPS */
	_Atomic uint64_t exits; /* GOAL_EXITS: still to come; vCPU threads */
	char until[256];
	struct step_break *breaks;
	unsigned next_number;
	struct step_break *_Atomic hit; /* which stopped it; vCPU threads */
	struct str out;
};

/* @s zeroed but for target, in, lens, host and the functions. */
int step_init(struct step *s, struct error **errp) __must_check;
void step_free(struct step *s);

/* Carries out one line. If the guest runs after it (s->running), stands() comes later. */
void step_command(struct step *s, const char *line);
/* debug_target.stopped and .interrupt */
void step_stopped(void *opaque, const struct debug_stop *why);
/* Ctrl-C: true: it stops the guest. */
bool step_interrupt(struct step *s);
/* The first words: where the guest stands. */
void step_hello(struct step *s);

/* Words that the one in front of @cursor could become, of at most @max; the caller frees each.
 * *start: where that word begins. */
unsigned step_complete(struct step *s, const char *line, size_t cursor, size_t *start, char **word,
		       unsigned max);

/* --- commands --------------------------------------------------------------------------------- */

/* What a command's words can be, for completion. */
enum step_words { WORDS_NONE, WORDS_SYMBOLS, WORDS_DEVICES, WORDS_QUEUES, WORDS_COMMANDS };

struct step_command {
	const char *name, *alias, *args, *help;
	unsigned min, max; /* words */
	/* @rest: what follows the command, unsplit. */
	int (*fn)(struct step *s, unsigned argc, char *const *argv, const char *rest,
		  struct error **errp);
	bool runs; /* needs a guest that can run; an empty line repeats it */
	enum step_words words;
};
extern const struct step_command step_commands[];
extern const unsigned step_command_cnt;

typedef int step_fn(struct step *s, unsigned argc, char *const *argv, const char *rest,
		    struct error **errp);
/* step_run.c */
step_fn step_do_step, step_do_exit, step_do_continue, step_do_until, step_do_to, step_do_next;
/* step_break.c */
step_fn step_do_break, step_do_watch, step_do_delete, step_do_info;

/* Says what is in @out, and empties it. */
void step_say(struct step *s);
/* Lets the guest go for a goal; step_run.c. */
int step_resume(struct step *s, struct error **errp) __must_check;
/* A code breakpoint for the run that comes, gone when it ends. */
int step_break_once(struct step *s, uint64_t addr, struct error **errp) __must_check;
void step_break_drop_once(struct step *s);
/* Does an exit fit one of the breakpoints? vCPU threads. */
struct step_break *step_break_match(struct step *s, unsigned cpu, const struct trace_rec *x);
struct step_break *step_break_at(struct step *s, const struct debug_stop *why);
void step_break_free(struct step *s);
/* "=> 00007c16  46  inc si" */
void step_show_next(struct step *s);

#endif
