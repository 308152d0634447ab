/* SPDX-License-Identifier: MIT */
/*
 * test_list.c: from what was asked for to a list of tests: kernels by configurations by commands by
 * repeats, those that are wanted.
 */
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "cli/test.h"
#include "vmm/error.h"
#include "vmm/parse.h"
#include "vmm/str.h"

#define TESTS_MAX 1000000u

struct maker {
	struct test_source src;
	struct test_list *list;
	regex_t filter;
	bool has_filter;
	unsigned shard, shards; /* from 0; of */
	unsigned seen;          /* tests that the filter let through */
	bool several;
};

/* The kernel's and the configuration's names are left out where there is but the command line's. */
static char *name_of(const struct test_part *kernel, const struct test_part *config,
		     const struct test_def *d)
{
	struct str b = { 0 };

	if (kernel)
		str_add(&b, "%s/", kernel->name);
	if (config)
		str_add(&b, "%s/", config->name);
	str_add(&b, "%s", d->name);
	return str_take(&b);
}

static bool is_wanted(struct maker *m, const char *name)
{
	if (m->has_filter && regexec(&m->filter, name, 0, NULL, 0) != 0)
		return false;
	return m->seen++ % m->shards == m->shard;
}

static struct test_spec *next_spec(struct test_list *l)
{
	struct test_spec *v;

	/* Doubled each time that it is full. */
	if (l->cnt && (l->cnt & (l->cnt - 1)))
		return &l->v[l->cnt];
	v = realloc(l->v, (l->cnt ? (size_t)l->cnt * 2 : 1) * sizeof(*v));
	if (!v)
		return NULL;
	l->v = v;
	return &l->v[l->cnt];
}

static int add_test(struct maker *m, const struct test_part *kernel, const struct test_part *config,
		    const struct test_def *d, unsigned repeat, struct error **errp)
{
	_cleanup_free_ char *base = name_of(kernel, config, d);
	_cleanup_free_ char *name = NULL;
	struct test_spec *s;
	int r;

	if (!base || (m->src.args->repeat > 1 ? asprintf(&name, "%s #%u", base, repeat + 1)
					      : asprintf(&name, "%s", base)) < 0)
		return test_no_memory(errp);
	if (!is_wanted(m, name))
		return 0;
	if (m->list->cnt == TESTS_MAX)
		return err_set(errp, E2BIG, "more than %u tests", TESTS_MAX);
	s = next_spec(m->list);
	if (!s)
		return test_no_memory(errp);
	*s = (struct test_spec){ .name = take_ptr(name) };
	m->list->cnt++;
	r = test_spec_fill(s, &m->src, kernel, config, d, errp);
	if (r < 0)
		return m->several ? err_wrap(errp, "test '%s'", s->name) : r;
	s->rerun = test_rerun_line(m->src.args, m->src.given, base);
	return s->rerun ? 0 : test_no_memory(errp);
}

/* --- all of them ------------------------------------------------------------------------------ */

static int add_all(struct maker *m, const struct test_matrix *x, struct error **errp)
{
	unsigned kernels = x->kernel_cnt ? x->kernel_cnt : 1;
	unsigned configs = x->config_cnt ? x->config_cnt : 1;
	int r = 0;

	for (unsigned n = 0; n < m->src.args->repeat; n++)
		for (unsigned k = 0; k < kernels; k++)
			for (unsigned c = 0; c < configs; c++)
				for (unsigned t = 0; t < x->test_cnt && r >= 0; t++)
					r = add_test(m, x->kernel_cnt ? &x->kernel[k] : NULL,
						     x->config_cnt ? &x->config[c] : NULL,
						     &x->test[t], n, errp);
	return r;
}

/* Those that come as they are; the ones that are not wanted are freed. */
static int add_self_test(struct maker *m, struct error **errp)
{
	struct test_spec *v = NULL;
	unsigned cnt = 0;
	int r = self_test_specs(&v, &cnt, errp);

	for (unsigned i = 0; i < cnt && r >= 0; i++) {
		struct test_spec *s = is_wanted(m, v[i].name) ? next_spec(m->list) : NULL;

		if (s) {
			*s = v[i];
			s->limits.scale = m->src.scale;
			m->list->cnt++;
		} else {
			test_spec_free(&v[i]);
		}
	}
	free(v);
	return r;
}

static int read_shard(struct maker *m, struct error **errp)
{
	const char *s = m->src.args->shard;
	_cleanup_free_ char *first = NULL;
	uint64_t i, n;

	m->shards = 1;
	if (!s)
		return 0;
	first = strndup(s, strcspn(s, "/"));
	if (!first)
		return test_no_memory(errp);
	if (!strchr(s, '/') || parse_u64(strchr(s, '/') + 1, 1, TESTS_MAX, &n, NULL) < 0 ||
	    parse_u64(first, 1, n, &i, NULL) < 0) {
		err_set(errp, EINVAL, "--shard: '%s' is no part of anything", s);
		err_hint(errp, "the second of four parts is 2/4");
		return -EINVAL;
	}
	m->shard = (unsigned)i - 1;
	m->shards = (unsigned)n;
	return 0;
}

static int read_filter(struct maker *m, struct error **errp)
{
	int r;

	if (!m->src.args->filter)
		return 0;
	r = test_compile(m->src.args->filter, "--filter", &m->filter, errp);
	m->has_filter = r == 0;
	return r;
}

/* A command as a name: on one line, and not without end. */
static void command_name(char *const *argv, char *buf, size_t len)
{
	_cleanup_(str_free) struct str b = { 0 };

	for (; *argv; argv++)
		str_add(&b, "%s%s", b.len ? " " : "", *argv);
	str_escape(b.s ? b.s : "", b.len, buf, len);
}

static int own_test(const struct test_args *a, struct test_matrix *x, struct error **errp)
{
	const char *file = a->kvm_unit_test ? a->kvm_unit_test : a->run.config.boot.kernel;
	char name[100];

	x->test = calloc(1, sizeof(*x->test));
	if (!x->test)
		return test_no_memory(errp);
	x->test_cnt = 1;
	if ((a->boot_only || a->kvm_unit_test) && file)
		snprintf(name, sizeof(name), "%s",
			 strrchr(file, '/') ? strrchr(file, '/') + 1 : file);
	else
		command_name(a->command, name, sizeof(name));
	return test_def_init(x->test, a, name, a->command, errp);
}

int test_list_make(const struct test_args *a, const struct opt_args *given, struct test_list *ret,
		   struct error **errp)
{
	static struct test_matrix x; /* what specs borrow from is the process's */
	struct maker m = { .src = { .args = a, .given = given }, .list = ret };
	int r;

	test_matrix_free(&x);
	r = test_scale(a->scale, &m.src.scale, errp);
	if (r >= 0)
		r = read_shard(&m, errp);
	if (r >= 0)
		r = read_filter(&m, errp);
	if (r >= 0 && a->self_test) {
		r = add_self_test(&m, errp);
	} else if (r >= 0) {
		r = a->matrix ? test_matrix_read(a->matrix, a, &x, errp) : own_test(a, &x, errp);
		m.several = a->matrix != NULL;
		if (r >= 0)
			r = add_all(&m, &x, errp);
	}
	if (m.has_filter)
		regfree(&m.filter);
	if (r >= 0 && !ret->cnt) {
		r = err_set(errp, ENOENT, "no test is left to run");
		err_hint(errp, "--list without --filter and --shard says what there is");
	}
	return r;
}

void test_list_free(struct test_list *l)
{
	for (unsigned i = 0; i < l->cnt; i++)
		test_spec_free(&l->v[i]);
	free(l->v);
	*l = (struct test_list){ 0 };
}
