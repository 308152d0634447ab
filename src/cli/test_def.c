/* SPDX-License-Identifier: MIT */
/* test_def.c: one command of a test, and what goes with it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/test.h"
#include "vmm/error.h"

int test_no_memory(struct error **errp)
{
	return err_errno(errp, ENOMEM, "cannot list the tests");
}

/* --- copies ----------------------------------------------------------------------------------- */

void test_strings_free(char **v)
{
	for (char **p = v; p && *p; p++)
		free(*p);
	free(v);
}

char **test_strings_copy(char *const *v)
{
	size_t n = 0;
	char **r;

	while (v && v[n])
		n++;
	r = calloc(n + 1, sizeof(*r));
	if (!r)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		r[i] = strdup(v[i]);
		if (!r[i]) {
			test_strings_free(r);
			return NULL;
		}
	}
	return r;
}

static int list_copy(const struct str_list *from, struct str_list *to, struct error **errp)
{
	int r = 0;

	for (unsigned i = 0; i < from->cnt && r >= 0; i++)
		r = str_list_add(to, from->v[i], errp);
	return r;
}

/* --- one command ------------------------------------------------------------------------------ */

static bool is_named(const char *var, const char *name, size_t len)
{
	return !strncmp(var, name, len) && var[len] == '=';
}

static int set_env(char **env, unsigned *cnt, const char *word, struct error **errp)
{
	size_t len = strcspn(word, "=");
	const char *here = getenv(word);
	char *var = NULL;
	unsigned i = 0;

	if (!len)
		return err_set(errp, EINVAL, "--env: '%s' has no name", word);
	if (word[len])
		var = strdup(word);
	else if (!here)
		return err_set(errp, EINVAL, "--env: there is no variable '%s' here", word);
	else if (asprintf(&var, "%s=%s", word, here) < 0)
		var = NULL;
	if (!var)
		return test_no_memory(errp);
	while (i < *cnt && !is_named(env[i], word, len))
		i++;
	if (i < *cnt)
		free(env[i]);
	else
		++*cnt;
	env[i] = var;
	return 0;
}

static char **make_env(const struct str_list *words, struct error **errp)
{
	static const char *const usual[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/",
		"TERM=dumb"
	};
	char **env = calloc(ARRAY_LEN(usual) + words->cnt + 1, sizeof(*env));
	unsigned cnt = 0;
	int r = env ? 0 : test_no_memory(errp);

	for (unsigned i = 0; i < ARRAY_LEN(usual) && r >= 0; i++)
		r = set_env(env, &cnt, usual[i], errp);
	for (unsigned i = 0; i < words->cnt && r >= 0; i++)
		r = set_env(env, &cnt, words->v[i], errp);
	if (r >= 0)
		return env;
	test_strings_free(env);
	return NULL;
}

int test_def_init(struct test_def *d, const struct test_args *a, const char *name,
		  char *const *argv, struct error **errp)
{
	int r;

	*d = (struct test_def){ .name = strdup(name),
				.argv = test_strings_copy(argv),
				.cwd = a->cwd ? strdup(a->cwd) : NULL,
				.test_ns = a->test_ns,
				.boot_ns = a->boot_ns,
				.idle_ns = a->idle_ns,
				.expect_exit = a->expect_exit,
				.retries = a->retries,
				.allow_oops = a->allow_oops };
	if (!d->name || !d->argv || (a->cwd && !d->cwd))
		return test_no_memory(errp);
	d->env = make_env(&a->env, errp);
	if (!d->env)
		return -EINVAL;
	r = list_copy(&a->expect_console, &d->expect_console, errp);
	return r < 0 ? r : list_copy(&a->fail_on_console, &d->fail_on_console, errp);
}

void test_def_free(struct test_def *d)
{
	free(d->name);
	test_strings_free(d->argv);
	test_strings_free(d->env);
	free(d->cwd);
	str_list_free(&d->expect_console);
	str_list_free(&d->fail_on_console);
	*d = (struct test_def){ 0 };
}
