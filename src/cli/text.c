/* SPDX-License-Identifier: MIT */
/* text.c: line breaking. */
#include "cli/text.h"

#include <string.h>

void text_wrap(FILE *f, unsigned at, unsigned indent, const char *text)
{
	bool fresh = true; /* no word on this line yet */

	if (at < indent) {
		fprintf(f, "%*s", (int)(indent - at), "");
		at = indent;
	} else if (at > indent) {
		fprintf(f, "\n%*s", (int)indent, "");
		at = indent;
	}
	while (*text) {
		unsigned n = (unsigned)strcspn(text, " ");

		if (!fresh && at + 1 + n > TEXT_WIDTH) {
			fprintf(f, "\n%*s", (int)indent, "");
			at = indent;
			fresh = true;
		}
		fprintf(f, "%s%.*s", fresh ? "" : " ", (int)n, text);
		at += n + !fresh;
		fresh = false;
		text += n;
		text += *text == ' ';
	}
	fputc('\n', f);
}

void text_paragraphs(FILE *f, unsigned indent, const char *text)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t n = end ? (size_t)(end - text) : strlen(text);
		_cleanup_free_ char *p = strndup(text, n);

		text_wrap(f, 0, indent, p ? p : "");
		text += n;
		if (end) {
			fputc('\n', f);
			text += 2;
		}
	}
}
