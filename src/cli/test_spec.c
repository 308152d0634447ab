/* SPDX-License-Identifier: MIT */
/* test_spec.c: all that one test takes: its machine, root, limits and expectations. */
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/disk_option.h"
#include "cli/test.h"
#include "vmm/error.h"
#include "vmm/guest_modules.h"
#include "vmm/parse.h"

/* --- the machine ------------------------------------------------------------------------------ */

static int read_part(const struct test_part *p, struct run_args *a, struct error **errp)
{
	const struct opt_set set = run_option_set();

	return p && p->json ? opt_read_json(&set, p->json, p->what, a, errp) : 0;
}

/* Files, the matrix, the command line: the later ones win. */
static int make_config(const struct test_source *src, const struct test_part *kernel,
		       const struct test_part *config, struct vm_config *ret, struct error **errp)
{
	struct test_args t = { 0 };
	int r;

	run_args_init(&t.run);
	r = run_args_read_files(src->given, &t.run, errp);
	if (r >= 0)
		r = read_part(kernel, &t.run, errp);
	if (r >= 0)
		r = read_part(config, &t.run, errp);
	if (r >= 0)
		r = opt_apply(src->given, &t, errp);
	*ret = t.run.config;
	memset(&t.run.config, 0, sizeof(t.run.config));
	test_args_free(&t);
	return r;
}

/* The root's image is the first disk. */
static int add_root_disk(struct vm_config *c, const struct test_args *a, struct error **errp)
{
	_cleanup_(disk_list_free) struct disk_list l = { 0 };
	_cleanup_free_ char *text = NULL;
	struct disk_config *v;
	int r;

	if (asprintf(&text, "%s%s", a->root, a->commit ? "" : ",overlay") < 0)
		return test_no_memory(errp);
	r = opt_disks.set(&l, NULL, text, errp);
	if (r < 0)
		return err_wrap(errp, "--root");
	v = realloc(c->disks.v, (c->disks.cnt + 1) * sizeof(*v));
	if (!v)
		return test_no_memory(errp);
	memmove(v + 1, v, c->disks.cnt * sizeof(*v));
	v[0] = l.v[0];
	l.cnt = 0;
	c->disks = (struct disk_list){ v, c->disks.cnt + 1 };
	return 0;
}

/* @modules: where the kernel's are, NULL: not known. */
static int set_root(struct test_spec *s, const struct test_args *a, const char *modules,
		    struct error **errp)
{
	const char *rest = a->root;
	_cleanup_free_ char *path = a->root ? parse_item(&rest) : NULL;
	struct stat st;

	if (!a->root)
		return a->commit ? err_set(errp, EINVAL, "--commit: there is no --root to keep")
				 : 0;
	if (!path)
		return test_no_memory(errp);
	if (stat(path, &st) < 0)
		return err_errno(errp, errno, "--root '%s'", path);
	if (S_ISDIR(st.st_mode)) {
		if (a->commit) {
			err_set(errp, EINVAL, "--commit: the directory '%s' is not written to",
				path);
			err_hint(errp, "only an image is; or share one: --share DIR:/WHERE:rw");
			return -EINVAL;
		}
		return test_share_root(s, a->root, modules, errp);
	}
	s->segment.root = GUEST_ROOT_DISK;
	s->segment.root_source = a->root_device ? a->root_device : "/dev/vda";
	/* What is written goes to the disk's own layer, unless it is to be kept. */
	s->segment.flags |= GUEST_INIT_F_COMMIT;
	return add_root_disk(&s->config, a, errp);
}

/* --- a test ----------------------------------------------------------------------------------- */

/* The caller regfree()s *re. */
int test_compile(const char *text, const char *option, regex_t *re, struct error **errp)
{
	int r = regcomp(re, text, REG_EXTENDED | REG_NOSUB);
	char words[128];

	if (!r)
		return 0;
	regerror(r, re, words, sizeof(words));
	return err_set(errp, EINVAL, "%s: '%s' is no regular expression: %s", option, text, words);
}

static int check_all(const struct str_list *l, const char *option, struct error **errp)
{
	if (l->cnt > TEST_EXPECTS)
		return err_set(errp, E2BIG, "%s: %u expressions are more than the %d there may be",
			       option, l->cnt, TEST_EXPECTS);
	for (unsigned i = 0; i < l->cnt; i++) {
		regex_t re;
		int r = test_compile(l->v[i], option, &re, errp);

		if (r < 0)
			return r;
		regfree(&re);
	}
	return 0;
}

static int set_expectations(struct test_spec *s, const struct test_def *d, struct error **errp)
{
	s->expect.exit = d->expect_exit;
	s->expect.allow_trouble = d->allow_oops;
	if (check_all(&d->expect_console, "--expect-console", errp) < 0 ||
	    check_all(&d->fail_on_console, "--fail-on-console", errp) < 0)
		return -EINVAL;
	/* Borrowed of what outlives the list: the command line, the matrix. */
	for (unsigned i = 0; i < d->expect_console.cnt; i++)
		s->expect.console[s->expect.console_cnt++] = d->expect_console.v[i];
	for (unsigned i = 0; i < d->fail_on_console.cnt; i++)
		s->expect.fail_on[s->expect.fail_on_cnt++] = d->fail_on_console.v[i];
	return 0;
}

static int join_cmdline(struct vm_config *c, char *const *argv, struct error **errp)
{
	int r = 0;

	for (; *argv && r >= 0; argv++)
		r = opt_joined.set(&c->boot.cmdline, NULL, *argv, errp);
	return r;
}

static int set_protocol(struct test_spec *s, const struct test_args *a, struct error **errp)
{
	struct vm_config *c = &s->config;

	if (a->boot_only) {
		s->protocol = TEST_BY_MACHINE_END;
		return 0;
	}
	if (!a->kvm_unit_test) {
		s->protocol = TEST_BY_INIT;
		s->segment.flags |= a->cgroup ? GUEST_INIT_F_CGROUP : 0;
		s->segment.hostname = a->hostname;
		return 0;
	}
	s->protocol = TEST_BY_EXIT_PORT;
	c->board.testdev = true;
	if (c->boot.protocol == BOOT_AUTO)
		c->boot.protocol = BOOT_MULTIBOOT;
	free(c->boot.kernel);
	c->boot.kernel = strdup(a->kvm_unit_test);
	if (!c->boot.kernel)
		return test_no_memory(errp);
	return join_cmdline(c, s->argv, errp);
}

/* A kernel that panics shall say so and end, not wait for somebody to press a key. */
static int set_cmdline(struct test_spec *s, struct error **errp)
{
	char **line = &s->config.boot.cmdline;

	if (s->protocol != TEST_BY_INIT || (*line && strstr(*line, "panic=")))
		return 0;
	return opt_joined.set(line, NULL, "panic=-1", errp);
}

static int dump_config(struct test_spec *s, struct error **errp)
{
	const struct opt_set set = run_option_set();
	struct run_args a = { .config = s->config };

	return opt_dump_json(&set, &a, &s->config_text, errp);
}

/* What these images would ask QEMU for. Once CPUs and memory are known. */
static int add_kvm_unit_test_env(struct vm_config *c, struct error **errp)
{
	_cleanup_free_ char *path = NULL;
	int r;

	/* The user's own goes first, and flat binaries have no modules. */
	if (c->boot.initrd.cnt || c->boot.protocol != BOOT_MULTIBOOT)
		return 0;
	r = kvm_unit_test_env(c, &path, errp);
	return r < 0 ? r : str_list_add(&c->boot.initrd, path, errp);
}

int test_spec_fill(struct test_spec *s, const struct test_source *src,
		   const struct test_part *kernel, const struct test_part *config,
		   const struct test_def *d, struct error **errp)
{
	const struct test_args *a = src->args;
	_cleanup_free_ char *modules = NULL;
	int r;

	s->argv = test_strings_copy(d->argv);
	s->env = test_strings_copy(d->env);
	s->cwd = d->cwd ? strdup(d->cwd) : NULL;
	if (!s->argv || !s->env || (d->cwd && !s->cwd))
		return test_no_memory(errp);
	s->limits = (struct test_limits){ d->boot_ns, d->test_ns, d->idle_ns, src->scale };
	s->retries = d->retries;
	s->wanted = TEST_PASS;
	r = make_config(src, kernel, config, &s->config, errp);
	if (r >= 0)
		r = set_protocol(s, a, errp);
	if (r >= 0 && s->protocol == TEST_BY_INIT)
		modules = test_modules_dir(s, a);
	if (r >= 0)
		r = set_root(s, a, modules, errp);
	if (r >= 0)
		r = test_add_shares(s, a, errp);
	if (r >= 0)
		r = set_cmdline(s, errp);
	if (r >= 0)
		r = set_expectations(s, d, errp);
	if (r >= 0)
		r = dump_config(s, errp);
	if (r >= 0)
		r = config_check(&s->config, errp);
	if (r >= 0 && a->kvm_unit_test)
		r = add_kvm_unit_test_env(&s->config, errp);
	if (r >= 0 && s->protocol == TEST_BY_INIT)
		r = test_add_modules(s, a, modules, errp);
	return r;
}

void test_spec_free(struct test_spec *s)
{
	struct guest_modules m = { (struct guest_file *)s->segment.files, s->segment.file_cnt,
				   (const char **)s->segment.modules };

	guest_modules_free(&m);
	test_free_shares(s);
	free(s->name);
	config_free(&s->config);
	test_strings_free(s->argv);
	test_strings_free(s->env);
	free(s->cwd);
	free(s->rerun);
	free(s->config_text);
	*s = (struct test_spec){ 0 };
}
