/* SPDX-License-Identifier: MIT */
/* stream_option.c: the ways a byte stream can go, as console_open() knows them, and "none". */
#include "cli/stream_option.h"

#include <errno.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/json.h"
#include "vmm/parse.h"

const struct opt_word stream_words[] = {
	{ "stdio", 0, "standard input and output; a second user shares the output" },
	{ "file:PATH", 0, "output goes to PATH, emptied first; no input" },
	{ "pty", 0, "a new pseudo-terminal, whose name is logged" },
	{ "unix:PATH", 0, "a socket at PATH, for one client at a time" },
	{ "null", 0, "output is dropped, no input" },
	{ "none", 0, "the guest does not have this port" },
	{ 0 },
};

/* Names that end in a colon want a path behind it. */
static const char *const names[] = { "stdio", "file:", "pty", "unix:", "null", "none" };

int stream_check(const char *s, struct error **errp)
{
	const char *near;

	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		size_t n = strlen(names[i]);

		if (names[i][n - 1] != ':') {
			if (!strcmp(s, names[i]))
				return 0;
		} else if (!strncmp(s, names[i], n)) {
			if (s[n])
				return 0;
			return err_set(errp, EINVAL, "'%s' lacks the name of the file: %sPATH", s,
				       s);
		}
	}
	near = nearest(s, names, ARRAY_LEN(names));
	if (near)
		return err_set(errp, EINVAL, "'%s' is unknown; did you mean '%s'?", s, near);
	return err_set(errp, EINVAL,
		       "'%s' is unknown: use stdio, file:PATH, pty, unix:PATH, null or none", s);
}

static int set_stream(void *field, const struct opt *o, const char *text, struct error **errp)
{
	int r = stream_check(text, errp);

	return r < 0 ? r : opt_text.set(field, o, text, errp);
}

static json_t *get_stream(const void *field, const struct opt *o)
{
	return opt_text.get(field, o);
}

const struct opt_type opt_stream = {
	.wants = "a string such as \"stdio\" or \"none\"",
	.json = OPT_STRING,
	.completes = OPT_FILES,
	.set = set_stream,
	.get = get_stream,
};
