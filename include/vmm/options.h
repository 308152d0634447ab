/* SPDX-License-Identifier: MIT */
/*
 * options.h: settings as rows of a table. From the rows come the command line, the JSON file,
 * --help, --dump-config, the man page, docs/cli.md and shell completion; so none of them can say
 * something the others do not.
 */
#ifndef VMM_OPTIONS_H
#define VMM_OPTIONS_H

#include "vmm/base.h"
#include "vmm/config.h"

struct error;
struct json_t;
struct opt;

/* What a value may be in a JSON file. */
#define OPT_STRING  1u
#define OPT_INTEGER 2u
#define OPT_REAL    4u
#define OPT_BOOL    8u
#define OPT_OBJECT  16u /* the type has object_text() */

/* What a shell should offer when the value is completed. The words of a row are always offered. */
enum opt_completes { OPT_WORDS, OPT_FILES, OPT_DIRS };

/* A kind of value. Text in, JSON out; a value in a JSON file is read through its text, so both
 * sources obey one grammar. */
struct opt_type {
	const char *wants; /* "a size such as \"512M\"", for the file's type errors */
	unsigned json;     /* OPT_* kinds a file may use */
	enum opt_completes completes;
	bool is_switch; /* takes no argument; text is "on" or "off" */
	bool optional; /* its argument may be left out, which is ""; else --name=ARG, in one word */
	bool repeats;  /* each use adds to the field instead of replacing it */
	bool is_list;  /* an array in a file */
	/* Reads @text into @field, which is untouched on error. */
	int (*set)(void *field, const struct opt *o, const char *text, struct error **errp);
	/* The field as JSON, a new reference; NULL: it is not set (or memory ran out). */
	struct json_t *(*get)(const void *field, const struct opt *o);
	/* An object of a file as the text that means the same; the caller frees. NULL: @errp says
	 * why. With OPT_OBJECT. */
	char *(*object_text)(const struct json_t *object, struct error **errp);
	/* Whether get() has something to say. NULL: it is a string, or a struct str_list. */
	bool (*is_set)(const void *field);
	/* Forgets what a repeating field holds: a new source of values begins. NULL:
	 * nothing to do. */
	void (*clear)(void *field, const struct opt *o);
};

/*
 * A value that has a name, or a form that a value may take. One that begins with a comma is what
 * may follow a value.
 */
struct opt_word {
	const char *word;
	int value; /* of an enum; else unused */
	const char *help;
};

struct opt_range {
	uint64_t min, max, align; /* align 0: none */
};

/*
 * One row per setting. At least one of @path and @name is set: a row without @path exists on the
 * command line only.
 */
struct opt {
	const char *group; /* heading in --help: "Memory" */
	const char *path;  /* name in a file: "memory.size" */
	const char *name;  /* long option without dashes; of a switch its positive form */
	const char *alias; /* another long name, for people who know other tools; or NULL */
	char letter;       /* short option or 0 */
	const char *arg;   /* "SIZE"; NULL for switches; "[=SIZE]" where it is optional */
	const struct opt_type *type;
	size_t off;
	const struct opt_word *words; /* ends with a NULL word; NULL: none */
	struct opt_range range;       /* of numbers and sizes */
	/* The default in words, where the field's initial value cannot say it. */
	const char *fallback;
	const char *help; /* what it does, a sentence without the full stop */
};

/* The options of a verb. Offsets count from @base wherever one is passed. */
struct opt_set {
	const struct opt *opt;
	unsigned cnt;
};

/* --- kinds of values (src/cli/types.c) ------------------------------------------------------ */

extern const struct opt_type opt_switch;   /* bool */
extern const struct opt_type opt_inverted; /* bool that holds the opposite of the setting */
extern const struct opt_type opt_action;   /* bool; a switch without a negative form */
extern const struct opt_type opt_number;   /* unsigned */
extern const struct opt_type opt_count;    /* uint64_t */
extern const struct opt_type opt_address;  /* uint64_t */
extern const struct opt_type opt_port;     /* uint16_t; "none" is 0 */
extern const struct opt_type opt_size;     /* uint64_t, bytes */
extern const struct opt_type opt_duration; /* uint64_t, nanoseconds; "none" is 0 */
extern const struct opt_type opt_enum;     /* int-sized enum; the row's words */
extern const struct opt_type opt_text;     /* char * */
extern const struct opt_type opt_file;     /* char *, completed with files */
extern const struct opt_type opt_dir;      /* char *, completed with directories */
extern const struct opt_type opt_thread;   /* char *, the name of a thread */
extern const struct opt_type opt_joined;   /* char *, repeats are joined by a space */
extern const struct opt_type opt_list;     /* struct str_list */
extern const struct opt_type opt_files;    /* struct str_list, completed with files */

/* --- the command line (src/cli/args.c) ------------------------------------------------------ */

/* One option as it was given. @value is borrowed from argv; "on" or "off" for a switch. */
struct opt_given {
	const struct opt *opt;
	const char *spelled; /* "-m", "--memory" or "--no-acpi": for messages */
	const char *value;
};

struct opt_args {
	struct opt_given *given;
	unsigned given_cnt;
	const char **rest; /* what is no option; borrowed from argv */
	unsigned rest_cnt;
	char *spelling; /* holds what @spelled points to */
};

/*
 * Sorts argv[0..argc) into options and the rest, changing nothing else. Unknown options, missing
 * and superfluous values are errors with the nearest match. The caller opt_args_free()s *ret,
 * also after an error.
 */
int opt_scan(const struct opt_set *set, int argc, char **argv, struct opt_args *ret,
	     struct error **errp) __must_check;
void opt_args_free(struct opt_args *a);

/* Stores what was given in the struct at @base, in order. A field that repeats starts afresh. */
int opt_apply(const struct opt_args *a, void *base, struct error **errp) __must_check;

/* Whether the option whose field is at @off was given. */
bool opt_was_given(const struct opt_args *a, size_t off);

/* --- the file (src/cli/file.c) -------------------------------------------------------------- */

/*
 * Reads the JSON file @path into the struct at @base. Unknown keys are errors with the nearest
 * match; every error names the key in full. What precedes an error has been stored.
 */
int opt_read_file(const struct opt_set *set, const char *path, void *base,
		  struct error **errp) __must_check;
/* The same for text; @what names it in messages. */
int opt_read_json(const struct opt_set *set, const char *text, const char *what, void *base,
		  struct error **errp) __must_check;

/* The struct at @base as a JSON text that opt_read_json() takes back; the caller frees *ret. */
int opt_dump_json(const struct opt_set *set, const void *base, char **ret,
		  struct error **errp) __must_check;

/* --- helpers for whoever walks the rows ----------------------------------------------------- */

static inline void *opt_field(const struct opt *o, void *base)
{
	return (char *)base + o->off;
}

static inline const void *opt_cfield(const struct opt *o, const void *base)
{
	return (const char *)base + o->off;
}

/*
 * The option as --help spells it, "--memory" or "--no-acpi" (a switch that is on by default is
 * shown by what turns it off). @base holds the defaults. Returns @buf.
 */
const char *opt_spelling(const struct opt *o, const void *base, char *buf, size_t len);

/* What stands between an option and its argument: a blank, or nothing. */
static inline const char *opt_gap(const struct opt *o)
{
	return o->arg && !o->type->optional ? " " : "";
}

/* The default in words ("512M", "one per CPU"), or NULL if there is none. Caller frees. */
char *opt_default(const struct opt *o, const void *base);

/* --- string lists ----------------------------------------------------------------------------- */

int str_list_add(struct str_list *l, const char *s, struct error **errp) __must_check;
void str_list_free(struct str_list *l); /* accepts a zeroed one; leaves it zeroed */

#endif
