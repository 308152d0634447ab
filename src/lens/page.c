/* SPDX-License-Identifier: MIT */
/*
 * page.c: a recording as one page of HTML. The page itself is src/lens/page; scripts/page.sh makes
 * one file of it, and the Makefile tells the assembler where that is. What comes from a recording
 * is base64, or JSON without '<': no name in it can end the element it stands in.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lens/json_out.h"
#include "lens/page_data.h"
#include "lens/summary.h"
#include "vmm/error.h"

extern const char lens_page_html[], lens_page_html_end[];

__asm__(".pushsection .rodata.lens_page, \"a\", @progbits\n"
	".globl lens_page_html, lens_page_html_end\n"
	"lens_page_html:\n"
	".incbin \"page.html\"\n"
	"lens_page_html_end:\n"
	".popsection\n");

static const char marker[] = "<!--DATA-->\n";

static void add_text(struct str *j, const char *key, const char *value)
{
	str_add(j, ",\n\"%s\": ", key);
	if (value)
		json_out_string(j, value);
	else
		str_add(j, "null");
}

static void add_number(struct str *j, const char *key, uint64_t value)
{
	str_add(j, ",\n\"%s\": %" PRIu64, key, value);
}

static void add_threads(struct str *j, const struct trace *t)
{
	str_add(j, ",\n\"threads\": [");
	for (unsigned i = 0; i < t->thread_cnt; i++) {
		char name[64];

		str_add(j, "%s\n{\"name\": ", i ? "," : "");
		json_out_string(j, view_thread(t, i, name, sizeof(name)));
		str_add(j, ", \"vcpu\": %d, \"lost\": %" PRIu64 "}", t->thread[i].vcpu,
			t->thread[i].lost);
	}
	str_add(j, "]");
}

static void add_devices(struct str *j, const struct trace_machine *m)
{
	str_add(j, ",\n\"devices\": [");
	for (unsigned i = 0; i < m->device_cnt; i++) {
		str_add(j, "%s\n[", i ? "," : "");
		json_out_bytes(j, m->device[i].id, sizeof(m->device[i].id));
		str_add(j, ", ");
		json_out_bytes(j, m->device[i].type, sizeof(m->device[i].type));
		str_add(j, "]");
	}
	str_add(j, "]");
}

static void add_times(struct str *j, const struct trace *t)
{
	str_add(j, ",\n\"cpu_time\": [");
	for (unsigned i = 0; t->cpu_time && i < t->machine.cpu_cnt; i++) {
		const struct trace_cpu_time *c = &t->cpu_time[i];

		str_add(j,
			"%s\n{\"wall\": %" PRIu64 ", \"guest\": %" PRIu64 ", \"kernel\": %" PRIu64
			", \"vmm\": %" PRIu64 ", \"halted\": %" PRIu64 "}",
			i ? "," : "", c->wall_ns, c->guest_ns, c->kernel_ns, c->vmm_ns,
			c->halted_ns);
	}
	str_add(j, "]");
}

static void add_stats(struct str *j, const struct trace *t)
{
	bool some = false;

	str_add(j, ",\n\"stats\": [");
	for (unsigned i = 0; i < t->stat_cnt; i++) {
		const char *words = summary_stat_words(t->stat[i].name);

		if (!words || !t->stat[i].value)
			continue;
		str_add(j, "%s\n[", some ? "," : "");
		some = true;
		json_out_string(j, t->stat[i].name);
		str_add(j, ", %" PRIu64 ", ", t->stat[i].value);
		json_out_string(j, words);
		str_add(j, "]");
	}
	str_add(j, "]");
}

static void add_facts(struct str *j, const struct trace *t, const struct lens_cut *c,
		      const struct page_data *d)
{
	_cleanup_(str_free) struct str unseen = { 0 };

	lens_unseen(t->exit_cnt, t->stat, t->stat_cnt, &unseen);
	str_add(j, "{\"format\": 1");
	add_text(j, "version", t->machine.version);
	add_text(j, "command", t->machine.cmdline);
	add_text(j, "kernel", t->machine.kernel);
	add_text(j, "irqchip", t->machine.irqchip);
	add_text(j, "unseen", unseen.s);
	add_text(j, "cut", t->cut ? t->cut_why : NULL);
	add_number(j, "cpus", t->machine.cpu_cnt);
	add_number(j, "time", t->machine.wall_sec);
	add_number(j, "length", d->last);
	add_number(j, "exits", d->exits);
	add_number(j, "events", d->events);
	add_number(j, "all_exits", t->exit_cnt);
	add_number(j, "lost", t->lost);
	add_number(j, "effects_left_out", d->effects_left_out);
	add_number(j, "from", c->from);
	add_number(j, "to", c->to);
	str_add(j, ",\n\"filtered\": %s", c->filter ? "true" : "false");
	add_threads(j, t);
	add_devices(j, &t->machine);
	add_times(j, t);
	add_stats(j, t);
	str_add(j, "}\n");
}

static int write_page(const struct page_data *d, const struct str *facts, FILE *to,
		      struct error **errp)
{
	size_t len = (size_t)((uintptr_t)lens_page_html_end - (uintptr_t)lens_page_html);
	const char *at = memmem(lens_page_html, len, marker, sizeof(marker) - 1);
	size_t head;

	if (!at)
		return err_set(errp, EINVAL, "the page in this program has no place for data");
	head = (size_t)(at - lens_page_html);
	fwrite(lens_page_html, 1, head, to);
	fprintf(to, "<script type=\"application/json\" id=\"facts\">%s</script>\n", facts->s);
	for (unsigned i = 0; i < PAGE_COLUMN_CNT; i++)
		page_column_write(&d->col[i], to);
	head += sizeof(marker) - 1;
	fwrite(lens_page_html + head, 1, len - head, to);
	return 0;
}

int lens_write_page(const struct trace *t, const struct lens_cut *c, FILE *to, struct error **errp)
{
	struct page_data *d = calloc(1, sizeof(*d));
	_cleanup_(str_free) struct str facts = { 0 };
	int r;

	if (!d)
		return err_errno(errp, ENOMEM, "cannot make a page");
	d->max_steps = LENS_PAGE_STEPS;
	r = page_data_collect(d, t, c, errp);
	if (r == 0) {
		add_facts(&facts, t, c, d);
		r = facts.failed ? err_errno(errp, ENOMEM, "cannot make a page")
				 : write_page(d, &facts, to, errp);
	}
	page_data_free(d);
	free(d);
	return r;
}
