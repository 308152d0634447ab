/* SPDX-License-Identifier: MIT */
/* text.h: setting text for an 80-column terminal. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdio.h>

#include "vmm/base.h"

#define TEXT_WIDTH 79

/*
 * Prints @text as lines of at most TEXT_WIDTH columns, broken at spaces, and a newline at the end.
 * The cursor is in column @at; every further line begins in column @indent. A word that fits
 * nowhere is left whole. Columns are counted in bytes: the text is ASCII.
 */
void text_wrap(FILE *f, unsigned at, unsigned indent, const char *text);

/* The same for paragraphs separated by "\n\n", with an empty line between them. */
void text_paragraphs(FILE *f, unsigned indent, const char *text);

#endif
