/* SPDX-License-Identifier: MIT */
/* matrix.c: the file of --matrix. Kernels and configurations are read when a test is made of them;
 * what a test is, is a table of options like any other. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/test.h"
#include "vmm/error.h"
#include "vmm/json.h"
#include "vmm/parse.h"

/* Words of a command may be empty. */
static int set_words(void *field, const struct opt *o, const char *text, struct error **errp)
{
	(void)o;
	return str_list_add(field, text, errp);
}

static json_t *get_words(const void *field, const struct opt *o)
{
	return opt_list.get(field, o);
}

static void clear_words(void *field, const struct opt *o)
{
	(void)o;
	str_list_free(field);
}

static const struct opt_type opt_words = {
	.wants = "an array of strings",
	.json = OPT_STRING,
	.repeats = true,
	.is_list = true,
	.set = set_words,
	.get = get_words,
	.clear = clear_words,
};

/* A test as the file has it; what it does not say is as on the command line. */
struct entry {
	struct test_args args;
	char *name;
	struct str_list command;
};

#define AT(member) .off = offsetof(struct entry, member)

static const struct opt entry_options[] = {
	{ .path = "name", .type = &opt_text, AT(name) },
	{ .path = "command", .type = &opt_words, AT(command) },
	{ .path = "env", .type = &opt_words, AT(args.env) },
	{ .path = "cwd", .type = &opt_text, AT(args.cwd) },
	{ .path = "timeout", .type = &opt_duration, AT(args.test_ns) },
	{ .path = "boot-timeout", .type = &opt_duration, AT(args.boot_ns) },
	{ .path = "idle-timeout", .type = &opt_duration, AT(args.idle_ns) },
	{ .path = "retries", .type = &opt_number, AT(args.retries), .range = { 0, 1000, 0 } },
	{ .path = "expect-exit",
	  .type = &opt_number,
	  AT(args.expect_exit),
	  .range = { 0, 255, 0 } },
	{ .path = "expect-console", .type = &opt_list, AT(args.expect_console) },
	{ .path = "fail-on-console", .type = &opt_list, AT(args.fail_on_console) },
	{ .path = "allow-oops", .type = &opt_switch, AT(args.allow_oops) },
};

static int no_memory(struct error **errp)
{
	return err_errno(errp, ENOMEM, "cannot read the matrix");
}

/* --- the command line's values, to start from ---------------------------------------------------
 */

static int copy_list(const struct str_list *from, struct str_list *to, struct error **errp)
{
	int r = 0;

	for (unsigned i = 0; i < from->cnt && r >= 0; i++)
		r = str_list_add(to, from->v[i], errp);
	return r;
}

static int entry_init(struct entry *e, const struct test_args *a, struct error **errp)
{
	int r;

	*e = (struct entry){ .args = { .test_ns = a->test_ns,
				       .boot_ns = a->boot_ns,
				       .idle_ns = a->idle_ns,
				       .retries = a->retries,
				       .expect_exit = a->expect_exit,
				       .allow_oops = a->allow_oops } };
	if (a->cwd && !(e->args.cwd = strdup(a->cwd)))
		return no_memory(errp);
	r = copy_list(&a->env, &e->args.env, errp);
	if (r >= 0)
		r = copy_list(&a->expect_console, &e->args.expect_console, errp);
	return r < 0 ? r : copy_list(&a->fail_on_console, &e->args.fail_on_console, errp);
}

static void entry_free(struct entry *e)
{
	test_args_free(&e->args);
	free(e->name);
	str_list_free(&e->command);
}

/* --- its three arrays ---------------------------------------------------------------------------
 */

struct reader {
	const char *file;
	const struct test_args *args;
	struct test_matrix *ret;
};

/* The object's name, which it must have. */
static int take_name(const json_t *o, const char *what, char **ret, struct error **errp)
{
	const json_t *name;

	if (!json_is_object(o))
		return err_set(errp, EINVAL, "%s is %s, not an object", what, json_kind(o));
	name = json_object_get(o, "name");
	if (!name || !json_is_string(name) || !*json_string_value(name)) {
		err_set(errp, EINVAL, "%s has no \"name\"", what);
		err_hint(errp, "names tell tests from each other: \"name\": \"smp\"");
		return -EINVAL;
	}
	*ret = strdup(json_string_value(name));
	return *ret ? 0 : no_memory(errp);
}

static int read_part(const json_t *o, const char *what, struct test_part *p, struct error **errp)
{
	int r = take_name(o, what, &p->name, errp);

	if (r < 0)
		return r;
	p->what = strdup(what);
	p->json = json_dumps(o, JSON_COMPACT);
	return p->what && p->json ? 0 : no_memory(errp);
}

static int make_def(struct entry *e, const char *what, struct test_def *d, struct error **errp)
{
	char **argv;
	int r;

	if (!e->command.cnt || !*e->command.v[0])
		return err_set(errp, EINVAL, "%s has no \"command\"", what);
	argv = calloc(e->command.cnt + 1, sizeof(*argv));
	if (!argv)
		return no_memory(errp);
	memcpy(argv, e->command.v, e->command.cnt * sizeof(*argv));
	r = test_def_init(d, &e->args, e->name, argv, errp);
	free(argv);
	return r < 0 ? err_wrap(errp, "%s", what) : 0;
}

static int read_test(const struct reader *r, const json_t *o, const char *what, struct test_def *d,
		     struct error **errp)
{
	const struct opt_set set = { entry_options, ARRAY_LEN(entry_options) };
	_cleanup_(entry_free) struct entry e = { 0 };
	_cleanup_free_ char *name = NULL, *text = NULL;
	int ret = take_name(o, what, &name, errp);

	if (ret >= 0)
		ret = entry_init(&e, r->args, errp);
	if (ret < 0)
		return ret;
	text = json_dumps(o, JSON_COMPACT);
	if (!text)
		return no_memory(errp);
	ret = opt_read_json(&set, text, what, &e, errp);
	return ret < 0 ? ret : make_def(&e, what, d, errp);
}

/* Two of the same name could not be told from each other. */
static int check_unique(const struct reader *r, const char *key, unsigned n,
			const char *(*name)(const struct test_matrix *, unsigned),
			struct error **errp)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(name(r->ret, i), name(r->ret, n)))
			return err_set(errp, EINVAL, "'%s': %s[%u] and [%u] are both called '%s'",
				       r->file, key, i, n, name(r->ret, n));
	return 0;
}

static const char *kernel_name(const struct test_matrix *m, unsigned i)
{
	return m->kernel[i].name;
}

static const char *config_name(const struct test_matrix *m, unsigned i)
{
	return m->config[i].name;
}

static const char *test_name(const struct test_matrix *m, unsigned i)
{
	return m->test[i].name;
}

static int read_item(const struct reader *r, unsigned kind, unsigned i, const json_t *o,
		     const char *what, struct error **errp)
{
	struct test_matrix *m = r->ret;

	switch (kind) {
	case 0:
		m->kernel_cnt = i + 1;
		return read_part(o, what, &m->kernel[i], errp);
	case 1:
		m->config_cnt = i + 1;
		return read_part(o, what, &m->config[i], errp);
	default:
		m->test_cnt = i + 1;
		return read_test(r, o, what, &m->test[i], errp);
	}
}

static const struct {
	const char *key;
	const char *(*name)(const struct test_matrix *, unsigned);
} kinds[] = { { "kernels", kernel_name }, { "configs", config_name }, { "tests", test_name } };

static int read_array(const struct reader *r, unsigned kind, const json_t *a, struct error **errp)
{
	struct test_matrix *m = r->ret;
	size_t n = json_array_size(a);
	int ret = 0;

	if (!json_is_array(a))
		return err_set(errp, EINVAL, "'%s': \"%s\" is %s, not an array", r->file,
			       kinds[kind].key, json_kind(a));
	m->kernel = kind == 0 ? calloc(n + 1, sizeof(*m->kernel)) : m->kernel;
	m->config = kind == 1 ? calloc(n + 1, sizeof(*m->config)) : m->config;
	m->test = kind == 2 ? calloc(n + 1, sizeof(*m->test)) : m->test;
	for (unsigned i = 0; i < n && ret >= 0; i++) {
		_cleanup_free_ char *what = NULL;

		if (asprintf(&what, "%s: %s[%u]", r->file, kinds[kind].key, i) < 0 ||
		    !(kind == 0   ? (void *)m->kernel
		      : kind == 1 ? (void *)m->config
				  : (void *)m->test))
			return no_memory(errp);
		ret = read_item(r, kind, i, json_array_get(a, i), what, errp);
		if (ret >= 0)
			ret = check_unique(r, kinds[kind].key, i, kinds[kind].name, errp);
	}
	return ret;
}

static int read_object(const struct reader *r, const json_t *root, struct error **errp)
{
	const char *names[ARRAY_LEN(kinds)], *key;
	json_t *value;
	int ret = 0;

	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
		names[i] = kinds[i].key;
	if (!json_is_object(root))
		return err_set(errp, EINVAL, "'%s' is %s, not an object", r->file, json_kind(root));
	json_object_foreach((json_t *)root, key, value)
	{
		unsigned kind = 0;

		while (kind < ARRAY_LEN(kinds) && strcmp(key, kinds[kind].key) != 0)
			kind++;
		if (kind == ARRAY_LEN(kinds)) {
			const char *near = nearest(key, names, ARRAY_LEN(kinds));

			err_set(errp, EINVAL, "'%s': unknown key \"%s\"%s%s%s", r->file, key,
				near ? "; did you mean \"" : "", near ? near : "",
				near ? "\"?" : "");
			err_hint(errp, "a matrix has \"kernels\", \"configs\" and \"tests\"");
			return -EINVAL;
		}
		ret = read_array(r, kind, value, errp);
		if (ret < 0)
			return ret;
	}
	if (!r->ret->test_cnt)
		return err_set(errp, EINVAL, "'%s' has no \"tests\"", r->file);
	return 0;
}

int test_matrix_parse(const char *text, size_t len, const char *what, const struct test_args *args,
		      struct test_matrix *ret, struct error **errp)
{
	const struct reader r = { what, args, ret };
	_cleanup_(json_freep) json_t *root = NULL;
	int err = json_parse(text, len, what, &root, errp);

	return err < 0 ? err : read_object(&r, root, errp);
}

int test_matrix_read(const char *path, const struct test_args *args, struct test_matrix *ret,
		     struct error **errp)
{
	const struct reader r = { path, args, ret };
	_cleanup_(json_freep) json_t *root = NULL;
	int err = json_read(path, &root, errp);

	return err < 0 ? err : read_object(&r, root, errp);
}

static void part_free(struct test_part *p)
{
	free(p->name);
	free(p->json);
	free(p->what);
}

void test_matrix_free(struct test_matrix *m)
{
	for (unsigned i = 0; i < m->kernel_cnt; i++)
		part_free(&m->kernel[i]);
	for (unsigned i = 0; i < m->config_cnt; i++)
		part_free(&m->config[i]);
	for (unsigned i = 0; i < m->test_cnt; i++)
		test_def_free(&m->test[i]);
	free(m->kernel);
	free(m->config);
	free(m->test);
	*m = (struct test_matrix){ 0 };
}
