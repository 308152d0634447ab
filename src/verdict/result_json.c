/* SPDX-License-Identifier: MIT */
/* result_json.c: a result as JSON. */
#include "verdict/result_json.h"

#include <stdio.h>
#include <string.h>

#include "verdict/text.h"

/*
 * Everything that is set is stolen; a failure anywhere makes the whole NULL in the end, as an
 * incomplete result would be a wrong one.
 */
struct object {
	json_t *j;
	bool failed;
};

static void set(struct object *o, const char *key, json_t *value)
{
	if (!value || json_object_set_new(o->j, key, value) < 0)
		o->failed = true;
}

static json_t *text(const char *s, size_t len)
{
	struct str plain = { 0 };
	json_t *j;

	text_plain(&plain, s, len);
	j = plain.failed ? NULL : json_stringn(plain.s ? plain.s : "", plain.len);
	str_free(&plain);
	return j;
}

static void set_string(struct object *o, const char *key, const char *s)
{
	if (s)
		set(o, key, text(s, strlen(s)));
}

static void set_text(struct object *o, const char *key, const struct test_text *t)
{
	if (t->text && t->len)
		set(o, key, text(t->text, t->len));
}

static void set_seconds(struct object *o, const char *key, uint64_t ns)
{
	uint64_t us = ns / 1000;

	set(o, key, json_real((double)us / 1e6));
}

static json_t *strings(char *const *v)
{
	json_t *j = json_array();

	for (; j && v && *v; v++)
		if (json_array_append_new(j, text(*v, strlen(*v))) < 0) {
			json_decref(j);
			return NULL;
		}
	return j;
}

static json_t *finish(struct object *o)
{
	if (!o->failed)
		return o->j;
	json_decref(o->j);
	return NULL;
}

static json_t *seconds_json(const struct test_result *r)
{
	struct object o = { json_object(), false };

	set_seconds(&o, "boot", r->boot_ns);
	set_seconds(&o, "run", r->run_ns);
	set_seconds(&o, "total", r->total_ns);
	set_seconds(&o, "user", r->user_ns);
	set_seconds(&o, "system", r->system_ns);
	return finish(&o);
}

static json_t *end_json(const struct guest_init_record *e)
{
	static const char *const names[] = {
		[GUEST_END_EXITED] = "exited",
		[GUEST_END_SIGNALED] = "signaled",
		[GUEST_END_NOT_RUN] = "not-run",
		[GUEST_END_FAILED] = "failed",
	};
	struct object o = { json_object(), false };

	set_string(&o, "how", e->code < ARRAY_LEN(names) ? names[e->code] : "unknown");
	set(&o, "number", json_integer(e->number));
	set(&o, "core", json_boolean(e->flags & GUEST_END_F_CORE));
	set_seconds(&o, "user", (uint64_t)e->user_ms * 1000000);
	set_seconds(&o, "system", (uint64_t)e->system_ms * 1000000);
	set(&o, "max_rss_kib", json_integer(e->max_rss_kib));
	if (e->text[0])
		set(&o, "text", text(e->text, strnlen(e->text, sizeof(e->text))));
	return finish(&o);
}

static json_t *case_json(const struct test_case *c)
{
	struct object o = { json_object(), false };

	set_string(&o, "name", c->name);
	set(&o, "ok", json_boolean(c->ok));
	if (c->skipped)
		set(&o, "skipped", json_true());
	if (c->todo)
		set(&o, "todo", json_true());
	set_string(&o, "detail", c->detail);
	return finish(&o);
}

static json_t *cases_json(const struct test_result *r)
{
	json_t *j = json_array();

	for (unsigned i = 0; j && i < r->case_cnt; i++)
		if (json_array_append_new(j, case_json(&r->cases[i])) < 0) {
			json_decref(j);
			return NULL;
		}
	return j;
}

static void add_evidence(struct object *o, const struct test_evidence *e)
{
	static const char *const limits[] = { "", "boot", "test", "idle" };
	char words[512];

	if (e->have_verdict) {
		verdict_describe(&e->verdict, words, sizeof(words));
		set_string(o, "machine", words);
	}
	if (e->host_error[0])
		set_string(o, "host_error", e->host_error);
	if (e->limit != LIMIT_NONE)
		set_string(o, "limit", limits[e->limit]);
	if (e->ended)
		set(o, "end", end_json(&e->end));
	set_string(o, "trouble", e->trouble);
	set_string(o, "panic", e->panic);
	set(o, "stdout_bytes", json_integer((json_int_t)e->out_len[0]));
	set(o, "stderr_bytes", json_integer((json_int_t)e->out_len[1]));
}

json_t *result_json(const struct test_result *r)
{
	const struct test_outcome_info *info = &test_outcomes[r->outcome];
	struct object o = { json_object(), false };
	char when[24], utc[25];

	set_string(&o, "name", r->spec->name);
	set(&o, "index", json_integer(r->index));
	set(&o, "attempt", json_integer(r->attempt));
	set_string(&o, "outcome", info->name);
	set(&o, "status", json_integer(info->status));
	set(&o, "ok", json_boolean(!test_result_is_bad(r)));
	if (r->spec->wanted != TEST_PASS)
		set_string(&o, "wanted", test_outcomes[r->spec->wanted].name);
	set_string(&o, "why", r->why);
	text_time(when, r->start_ns);
	snprintf(utc, sizeof(utc), "%.23sZ", when);
	set_string(&o, "start", utc);
	set(&o, "seconds", seconds_json(r));
	set(&o, "command", strings(r->spec->argv));
	set_string(&o, "rerun", r->spec->rerun);
	add_evidence(&o, &r->evidence);
	set_text(&o, "trouble_text", &r->trouble_text);
	set_text(&o, "crash", &r->crash);
	set_text(&o, "console", &r->console_tail);
	set_text(&o, "stdout", &r->stdout_tail);
	set_text(&o, "stderr", &r->stderr_tail);
	set(&o, "cases", cases_json(r));
	if (r->cases_cut)
		set(&o, "cases_cut", json_true());
	set_string(&o, "artefacts", r->dir);
	return finish(&o);
}

json_t *totals_json(const struct test_totals *t)
{
	struct object o = { json_object(), false }, by = { json_object(), false };

	set(&o, "tests", json_integer(t->tests));
	set(&o, "bad", json_integer(t->unwanted));
	for (int i = 0; i < TEST_OUTCOME_CNT; i++)
		if (t->by_outcome[i])
			set(&by, test_outcomes[i].name, json_integer(t->by_outcome[i]));
	set(&o, "outcomes", finish(&by));
	set_seconds(&o, "seconds", t->wall_ns);
	set(&o, "interrupted", json_boolean(t->interrupted));
	return finish(&o);
}
