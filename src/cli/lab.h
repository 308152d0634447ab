/* SPDX-License-Identifier: MIT */
/*
 * lab.h: what the files of `trapeze lab` share.
 *
 * A lab is a guest and a text (docs/labs). The text has the command that runs the guest, and what
 * is to be seen then, in fenced blocks; those are what is run and what is checked, so that text,
 * guest and program cannot tell different stories. docs/labs/README.md has the grammar.
 */
#ifndef CLI_LAB_H
#define CLI_LAB_H

#include <signal.h>

#include "vmm/cli.h"
#include "vmm/lens.h"

/* --- the labs themselves (lab_table.c) -------------------------------------------------------- */

/* A file that the program carries along. */
struct lab_file {
	const char *name; /* "01-hlt.S" */
	const char *start, *end;
};

#define LAB_FILES_MAX 8

struct lab {
	const struct lab_file *text;   /* docs/labs/NN-NAME.md */
	const struct lab_file *source; /* of the guest */
	const struct lab_file *map; /* its symbols, as nm(1) has them; NULL: as a compiler liked */
	const struct lab_file *file[LAB_FILES_MAX]; /* what is laid out for it; ends with NULL */
	const char *device; /* the source of its device, if it wants one; else NULL */
};
extern const struct lab all_labs[];
extern const unsigned lab_cnt;

static inline size_t lab_file_len(const struct lab_file *f)
{
	return (size_t)(f->end - f->start);
}

/* --- the text (lab_text.c) -------------------------------------------------------------------- */

enum lab_block_kind {
	LAB_RUN,
	LAB_TRACE,
	LAB_CONSOLE,
	LAB_CLAIMS,
	LAB_MEASURE,
	LAB_STEP,
	LAB_BLOCKS
};

/* A fenced block; what it says is in the lines (of the text) [first, first + cnt). */
struct lab_block {
	enum lab_block_kind kind;
	char run[16]; /* which run it is about; "" is the first */
	unsigned first, cnt;
};

struct lab_text {
	char title[96]; /* its heading, without "Lab N: " */
	char **line;
	unsigned line_cnt;
	struct lab_block *block;
	unsigned block_cnt;
};

/* Errors say which line is wrong. */
int lab_text_parse(const char *s, size_t len, struct lab_text *ret,
		   struct error **errp) __must_check;
void lab_text_free(struct lab_text *t); /* accepts a zeroed one */

/* Cuts a remark, " # ...", off @line, which ends there then. NULL: it has none. */
char *lab_remark(char *line);

/* --- the story of a run (lab_story.c) --------------------------------------------------------- */

/*
 * A line of the trace as the texts have it: without times and numbers. An exit, then indented by
 * four blanks what came of it; "[thread]" where another thread's lines begin.
 */
struct lab_line {
	char *text;
	uint64_t t;       /* ns since the first entry */
	unsigned exits;   /* it stands for so many; 0: an effect, an event, a heading */
	const char *note; /* what the text says of it, borrowed; NULL */
};

struct lab_story {
	struct lab_line *line;
	unsigned cnt, room;
	bool failed; /* memory ran out: the rest is missing */
};

/* Threads one after the other, vCPUs first, so that it is the same each time. @symbols NULL:
 * without instructions. */
void lab_story_tell(const struct trace *t, const struct symbols *symbols, struct lab_story *ret);

/* --- claims (lab_claim.c) --------------------------------------------------------------------- */

/* What came of a run. */
struct lab_result {
	struct lab_story story;
	int status;          /* trapeze's; 128 + N: it was killed by signal N */
	char *console, *log; /* what the guest wrote, what trapeze said */
};

void lab_story_free(struct lab_story *s);   /* accepts a zeroed one */
void lab_result_free(struct lab_result *r); /* accepts a zeroed one */

struct lab_verdict {
	bool ok;
	struct str why; /* one line what was claimed; if not ok, more lines why not */
};

/* Whether @text fits @pattern: blanks count as one, '*' is anything; both ends must fit. */
bool lab_fits(const char *pattern, const char *text);

/* Checks one line of a "claims" block. */
void lab_check_claim(const char *claim, const struct lab_result *r, struct lab_verdict *ret);
/* Checks that the lines of a "trace" block are in the story, in order and without a gap but where
 * "..." stands, and gives their remarks to the story's. @line is written to. */
void lab_check_trace(char **line, unsigned cnt, struct lab_result *r, struct lab_verdict *ret);
void lab_check_console(char **line, unsigned cnt, const struct lab_result *r,
		       struct lab_verdict *ret);
/* "NAME: PATTERN .. PATTERN / N": the time between two lines, by N. No verdict but that they are
 * there. */
void lab_measure(const char *line, const struct lab_result *r, struct lab_verdict *ret);

/* --- programs (lab_program.c) ----------------------------------------------------------------- */

/* Blocks what would end this process; *before: what was blocked. */
void lab_signals_wait(sigset_t *before);
/* What is typed at the terminal is for the program alone, from now on. */
void lab_signals_not_ours(void);
/*
 * Runs @argv in @dir to its end; its status as shells have it. @out, @err: files there, for what it
 * says; NULL: it shares ours, and without @out the terminal too. -EINTR: a signal waits for us, and
 * it has been ended.
 */
int lab_program(const char *const argv[], const char *dir, const char *out, const char *err,
		int *status, struct error **errp) __must_check;

/* --- running (lab_run.c) ---------------------------------------------------------------------- */

/* A directory with the lab's files, for the time of its runs; as long, signals that would end this
 * process wait. */
struct lab_place {
	char dir[64];     /* "": none */
	sigset_t signals; /* what was blocked before */
};
int lab_place_make(const struct lab *l, struct lab_place *ret, struct error **errp) __must_check;
/* Writes the lab's files, and what its guest is made from, to @dir, which is made. */
int lab_write_files(const struct lab *l, const char *dir, struct error **errp) __must_check;
void lab_place_free(struct lab_place *p); /* accepts a zeroed one */

/* Makes @source (NULL: the lab's own) the program "device" in @p. 1: it cannot be compiled, which
 * the compiler has said why. */
int lab_build_device(const struct lab *l, const struct lab_place *p, const char *source,
		     struct error **errp) __must_check;

/* What a session's lines that are typed begin with. */
#define LAB_PROMPT "(step) "

/* `trapeze step` in place of @command's run, for whoever is here; its status. */
int lab_step(const struct lab *l, const struct lab_place *p, const char *command, int *status,
	     struct error **errp) __must_check;
/* The same with what is typed in the lines of a "step" block; the story is what was said. */
int lab_step_script(const struct lab *l, const struct lab_place *p, const char *command,
		    char *const *line, unsigned cnt, struct lab_result *ret,
		    struct error **errp) __must_check;

/* Runs @command ("trapeze run ...") in @p, traced. */
int lab_run(const struct lab *l, const struct lab_place *p, const char *command,
	    struct lab_result *ret, struct error **errp) __must_check;

#endif
