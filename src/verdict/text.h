/* SPDX-License-Identifier: MIT */
/*
 * text.h: what guests have said, made fit for documents: well-formed UTF-8 without anything that
 * XML 1.0 (section 2.2), JSON or a terminal could not take. Bytes that are not become \xNN; the
 * carriage return of a line's end goes.
 */
#ifndef VERDICT_TEXT_H
#define VERDICT_TEXT_H

#include "vmm/str.h"

/* Line feeds and tabs stay. */
void text_plain(struct str *out, const char *s, size_t len);
/* The same, and & < > " ' as XML has them; in an attribute, line feeds and tabs too. */
void text_xml(struct str *out, const char *s, size_t len);
void text_xml_attr(struct str *out, const char *s);
/* On one line: line feeds and tabs are \n and \t. */
void text_line(struct str *out, const char *s, size_t len);
/* Each line with @indent in front; ends in a line feed if there was any text. */
void text_indented(struct str *out, const char *indent, const char *s, size_t len);
/* A string in quotes, as JSON and YAML have them. */
void text_quoted(struct str *out, const char *s);

/* "2026-01-31T12:00:00", UTC. */
void text_time(char buf[24], uint64_t realtime_ns);

#endif
