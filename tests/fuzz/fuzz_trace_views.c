/* SPDX-License-Identifier: MIT */
/*
 * fuzz_trace_views.c: what a hostile recording becomes: text without control bytes, JSON that is
 * JSON, a page in which nothing is markup but the page's own.
 */
#include "tests/fuzz/fuzz_trace.h"
#include "vmm/json.h"
#include "vmm/lens_views.h"

/* jansson has integers of 63 bits; JSON has no limit. */
#define NUMBERS JSON_DECODE_INT_AS_REAL

typedef int view_writer(const struct trace *t, const struct lens_cut *c, FILE *to,
			struct error **errp);

static char *written(const struct trace *t, const struct lens_cut *c, view_writer *fn)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	must(f && fn(t, c, f, NULL) == 0 && fclose(f) == 0);
	return text;
}

static void plain(const struct str *s)
{
	for (size_t i = 0; i < s->len; i++)
		must((uint8_t)s->s[i] >= 0x20 || s->s[i] == '\n');
}

static void text_of(const struct trace *t, const struct lens_cut *c)
{
	const struct trace *const both[2] = { t, t };
	const struct lens_cut cuts[2] = { *c, { 0 } };
	static const char *const names[2] = { "a", "b" };
	struct str summary = { 0 }, diff = { 0 };

	must(lens_print_summary(t, c, 0, &summary, NULL) == 0);
	must(lens_print_diff(both, names, cuts, 0, &diff, NULL) == 0);
	plain(&summary);
	plain(&diff);
	str_free(&summary);
	str_free(&diff);
}

static void json_of(const struct trace *t, const struct lens_cut *c)
{
	char *text = written(t, c, lens_write_perfetto);
	json_t *j = json_loads(text, NUMBERS | JSON_REJECT_DUPLICATES, NULL);

	must(j != NULL);
	json_decref(j);
	free(text);
}

static void page_of(const struct trace *t, const struct lens_cut *c)
{
	char *page = written(t, c, lens_write_page), *at, *end;
	unsigned scripts = 0;
	json_t *j;

	at = strstr(page, "id=\"facts\">");
	must(at != NULL);
	at += strlen("id=\"facts\">");
	end = strchr(at, '<');
	must(end && !strncmp(end, "</script>", 9));
	j = json_loadb(at, (size_t)(end - at), NUMBERS, NULL);
	must(j != NULL);
	json_decref(j);
	for (at = page; (at = strstr(at, "<script")); at++)
		scripts++;
	for (at = page; (at = strstr(at, "</script>")); at++)
		scripts--;
	must(scripts == 0);
	free(page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct lens_cut c = { 0 };
	uint8_t *copy = malloc(len + 1);
	struct trace *t;

	memcpy(copy, data, len);
	put_right(copy, len);
	if (len > 1 && data[len - 1] & 1)
		c = (struct lens_cut){ data[len - 2], 1000000, NULL };
	if (trace_load_mem(copy, len, "fuzz", &t, NULL) == 0) {
		text_of(t, &c);
		json_of(t, &c);
		page_of(t, &c);
		trace_free(t);
	}
	free(copy);
	return 0;
}
