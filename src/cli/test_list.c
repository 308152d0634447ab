/* SPDX-License-Identifier: MIT */
/*
 * test_list.c: from what was asked for to a list of tests, each with all that it takes: kernels by
 * configurations by commands by repeats, those that are wanted.
 */
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/disk_option.h"
#include "cli/test.h"
#include "vmm/boot.h"
#include "vmm/error.h"
#include "vmm/guest_modules.h"
#include "vmm/parse.h"
#include "vmm/str.h"

#define TESTS_MAX 1000000u

static int no_memory(struct error **errp)
{
	return err_errno(errp, ENOMEM, "cannot list the tests");
}

/* --- copies ----------------------------------------------------------------------------------- */

static void strings_free(char **v)
{
	for (char **p = v; p && *p; p++)
		free(*p);
	free(v);
}

static char **strings_copy(char *const *v)
{
	size_t n = 0;
	char **r;

	while (v && v[n])
		n++;
	r = calloc(n + 1, sizeof(*r));
	for (size_t i = 0; r && i < n; i++) {
		r[i] = strdup(v[i]);
		if (!r[i]) {
			strings_free(r);
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
		return no_memory(errp);
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
	int r = env ? 0 : no_memory(errp);

	for (unsigned i = 0; i < ARRAY_LEN(usual) && r >= 0; i++)
		r = set_env(env, &cnt, usual[i], errp);
	for (unsigned i = 0; i < words->cnt && r >= 0; i++)
		r = set_env(env, &cnt, words->v[i], errp);
	if (r >= 0)
		return env;
	strings_free(env);
	return NULL;
}

int test_def_init(struct test_def *d, const struct test_args *a, const char *name,
		  char *const *argv, struct error **errp)
{
	int r;

	*d = (struct test_def){ .name = strdup(name),
				.argv = strings_copy(argv),
				.cwd = a->cwd ? strdup(a->cwd) : NULL,
				.test_ns = a->test_ns,
				.boot_ns = a->boot_ns,
				.idle_ns = a->idle_ns,
				.expect_exit = a->expect_exit,
				.retries = a->retries,
				.allow_oops = a->allow_oops };
	if (!d->name || !d->argv || (a->cwd && !d->cwd))
		return no_memory(errp);
	d->env = make_env(&a->env, errp);
	if (!d->env)
		return -EINVAL;
	r = list_copy(&a->expect_console, &d->expect_console, errp);
	return r < 0 ? r : list_copy(&a->fail_on_console, &d->fail_on_console, errp);
}

void test_def_free(struct test_def *d)
{
	free(d->name);
	strings_free(d->argv);
	strings_free(d->env);
	free(d->cwd);
	str_list_free(&d->expect_console);
	str_list_free(&d->fail_on_console);
	*d = (struct test_def){ 0 };
}

/* --- the machine ------------------------------------------------------------------------------ */

struct maker {
	const struct test_args *args;
	const struct opt_args *given;
	double scale;
	struct test_list *list;
	regex_t filter;
	bool has_filter;
	unsigned shard, shards; /* from 0; of */
	unsigned seen;          /* tests that the filter let through */
	bool several;
};

static int read_part(const struct test_part *p, struct run_args *a, struct error **errp)
{
	const struct opt_set set = run_option_set();

	return p && p->json ? opt_read_json(&set, p->json, p->what, a, errp) : 0;
}

/* Files, the matrix, the command line: the later ones win. */
static int make_config(const struct maker *m, const struct test_part *kernel,
		       const struct test_part *config, struct vm_config *ret, struct error **errp)
{
	struct test_args t = { 0 };
	int r;

	run_args_init(&t.run);
	r = run_args_read_files(m->given, &t.run, errp);
	if (r >= 0)
		r = read_part(kernel, &t.run, errp);
	if (r >= 0)
		r = read_part(config, &t.run, errp);
	if (r >= 0)
		r = opt_apply(m->given, &t, errp);
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
		return no_memory(errp);
	r = opt_disks.set(&l, NULL, text, errp);
	if (r < 0)
		return err_wrap(errp, "--root");
	v = realloc(c->disks.v, (c->disks.cnt + 1) * sizeof(*v));
	if (!v)
		return no_memory(errp);
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
		return no_memory(errp);
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

/* --- modules ---------------------------------------------------------------------------------- */

/* What drives the machine's parts, where the kernel does not have it built in. */
static unsigned wanted_modules(const struct test_spec *s, const char **name)
{
	const struct vm_config *c = &s->config;
	unsigned n = 0;

	name[n++] = c->board.transport == VIRTIO_TRANSPORT_MMIO ? "virtio_mmio" : "virtio_pci";
	name[n++] = "virtio_console";
	if (c->disks.cnt)
		name[n++] = "virtio_blk";
	if (s->segment.root == GUEST_ROOT_DISK)
		name[n++] = "ext4";
	if (c->nets.cnt)
		name[n++] = "virtio_net";
	if (c->shares.cnt)
		name[n++] = "virtiofs";
	if (s->segment.flags & GUEST_INIT_F_OVERLAY)
		name[n++] = "overlay";
	if (config_has_vsock(c))
		name[n++] = "vmw_vsock_virtio_transport";
	if (c->virtio.pmem.cnt)
		name[n++] = "virtio_pmem";
	return n;
}
#define WANTED_MAX 16

/* "6.1.0-18-cloud-amd64", from what the kernel's file says of itself; NULL: nothing. */
static char *kernel_release(const char *kernel)
{
	struct boot_config b = { .kernel = kernel };
	struct boot *boot = NULL;
	const char *v;
	char *r = NULL;

	if (boot_open(&b, &boot, NULL) < 0)
		return NULL;
	v = boot_info(boot).version;
	if (v && *v && !strchr(v, '/'))
		r = strndup(v, strcspn(v, " "));
	boot_close(boot);
	return r;
}

/* The first directory that has them; NULL: none. */
static char *modules_dir(const char *kernel)
{
	static const char *const places[] = { "", "%s/", "%s/../" };
	_cleanup_free_ char *release = kernel_release(kernel);
	size_t dir = strrchr(kernel, '/') ? (size_t)(strrchr(kernel, '/') - kernel) : 0;

	for (unsigned i = 0; release && i < ARRAY_LEN(places); i++) {
		_cleanup_free_ char *dep = NULL;
		char *path = NULL;

		if (i == 0 && asprintf(&path, "/lib/modules/%s", release) < 0)
			return NULL;
		if (i && asprintf(&path, "%.*s%slib/modules/%s", dir ? (int)dir : 1,
				  dir ? kernel : ".", i == 1 ? "/" : "/../", release) < 0)
			return NULL;
		if (asprintf(&dep, "%s/modules.dep", path) >= 0 && access(dep, R_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

/* NULL: not known, or not wanted. */
static char *where_modules_are(const struct test_spec *s, const struct test_args *a)
{
	if (a->modules)
		return *a->modules ? strdup(a->modules) : NULL;
	return s->config.boot.kernel ? modules_dir(s->config.boot.kernel) : NULL;
}

static int add_modules(struct test_spec *s, const struct test_args *a, const char *found,
		       struct error **errp)
{
	const char **name;
	struct guest_modules m = { 0 };
	unsigned n;
	int r;

	if (!found) {
		if (!a->more_modules.cnt)
			return 0;
		err_set(errp, ENOENT, "--module '%s': the kernel's modules are not known",
			a->more_modules.v[0]);
		err_hint(errp, "say where they are: --modules DIR");
		return -ENOENT;
	}
	name = calloc(WANTED_MAX + a->more_modules.cnt, sizeof(*name));
	if (!name)
		return no_memory(errp);
	n = wanted_modules(s, name);
	for (unsigned i = 0; i < a->more_modules.cnt; i++)
		name[n++] = a->more_modules.v[i];
	r = guest_modules_find(found, name, n, &m, errp);
	free(name);
	/* The list is the spec's from here on, and goes with it. */
	s->segment.files = m.file;
	s->segment.file_cnt = m.cnt;
	s->segment.modules = m.path;
	return r;
}

/* --- what runs it again ----------------------------------------------------------------------- */

static bool is_plain(const char *s)
{
	return *s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "%+,-./:=@_")];
}

static void add_quoted(struct str *b, const char *s)
{
	if (b->len)
		str_add(b, " ");
	if (is_plain(s)) {
		str_add(b, "%s", s);
		return;
	}
	str_add(b, "'");
	for (; *s; s++)
		str_add(b, *s == '\'' ? "'\\''" : "%c", *s);
	str_add(b, "'");
}

/* Which tests, how often, and where results go: not what one test is. */
static bool belongs_to_run(const struct opt *o)
{
	static const size_t off[] = {
		offsetof(struct test_args, filter),     offsetof(struct test_args, shard),
		offsetof(struct test_args, jobs),       offsetof(struct test_args, repeat),
		offsetof(struct test_args, until_fail), offsetof(struct test_args, stop_at_failure),
		offsetof(struct test_args, reports),    offsetof(struct test_args, keep),
		offsetof(struct test_args, dir),
	};

	for (unsigned i = 0; i < ARRAY_LEN(off); i++)
		if (o->off == off[i])
			return true;
	return false;
}

/* @base: the name before " #N", which is --repeat's. */
static char *rerun_line(const struct maker *m, const char *base)
{
	_cleanup_(str_free) struct str re = { 0 };
	struct str b = { 0 };

	add_quoted(&b, program_invocation_name);
	add_quoted(&b, "test");
	for (unsigned i = 0; i < m->given->given_cnt; i++) {
		const struct opt_given *g = &m->given->given[i];

		if (belongs_to_run(g->opt))
			continue;
		add_quoted(&b, g->spelled);
		if (!g->opt->type->is_switch)
			add_quoted(&b, g->value);
	}
	if (m->args->matrix) {
		str_add(&re, "--filter=^");
		for (const char *p = base; *p; p++)
			str_add(&re, strchr("\\^$.[]|()*+?{}", *p) ? "\\%c" : "%c", *p);
		str_add(&re, "( #[0-9]+)?$");
		add_quoted(&b, re.s ? re.s : "");
	}
	if (m->args->command[0])
		add_quoted(&b, "--");
	for (char **c = m->args->command; *c; c++)
		add_quoted(&b, *c);
	return str_take(&b);
}

/* --- a test ----------------------------------------------------------------------------------- */

/* The caller regfree()s *re. */
static int compile(const char *text, const char *option, regex_t *re, struct error **errp)
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
		int r = compile(l->v[i], option, &re, errp);

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
		return no_memory(errp);
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

static int fill_spec(struct maker *m, struct test_spec *s, const struct test_part *kernel,
		     const struct test_part *config, const struct test_def *d, struct error **errp)
{
	const struct test_args *a = m->args;
	_cleanup_free_ char *modules = NULL;
	int r;

	s->argv = strings_copy(d->argv);
	s->env = strings_copy(d->env);
	s->cwd = d->cwd ? strdup(d->cwd) : NULL;
	if (!s->argv || !s->env || (d->cwd && !s->cwd))
		return no_memory(errp);
	s->limits = (struct test_limits){ d->boot_ns, d->test_ns, d->idle_ns, m->scale };
	s->retries = d->retries;
	s->wanted = TEST_PASS;
	r = make_config(m, kernel, config, &s->config, errp);
	if (r >= 0)
		r = set_protocol(s, a, errp);
	if (r >= 0 && s->protocol == TEST_BY_INIT)
		modules = where_modules_are(s, a);
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
		r = add_modules(s, a, modules, errp);
	return r;
}

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

static void spec_free(struct test_spec *s)
{
	struct guest_modules m = { (struct guest_file *)s->segment.files, s->segment.file_cnt,
				   (const char **)s->segment.modules };

	guest_modules_free(&m);
	test_free_shares(s);
	free(s->name);
	config_free(&s->config);
	strings_free(s->argv);
	strings_free(s->env);
	free(s->cwd);
	free(s->rerun);
	free(s->config_text);
	*s = (struct test_spec){ 0 };
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

	if (!base || (m->args->repeat > 1 ? asprintf(&name, "%s #%u", base, repeat + 1)
					  : asprintf(&name, "%s", base)) < 0)
		return no_memory(errp);
	if (!is_wanted(m, name))
		return 0;
	if (m->list->cnt == TESTS_MAX)
		return err_set(errp, E2BIG, "more than %u tests", TESTS_MAX);
	s = next_spec(m->list);
	if (!s)
		return no_memory(errp);
	*s = (struct test_spec){ .name = take_ptr(name) };
	m->list->cnt++;
	r = fill_spec(m, s, kernel, config, d, errp);
	if (r < 0)
		return m->several ? err_wrap(errp, "test '%s'", s->name) : r;
	s->rerun = rerun_line(m, base);
	return s->rerun ? 0 : no_memory(errp);
}

/* --- all of them ------------------------------------------------------------------------------ */

static int add_all(struct maker *m, const struct test_matrix *x, struct error **errp)
{
	unsigned kernels = x->kernel_cnt ? x->kernel_cnt : 1;
	unsigned configs = x->config_cnt ? x->config_cnt : 1;
	int r = 0;

	for (unsigned n = 0; n < m->args->repeat; n++)
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
			s->limits.scale = m->scale;
			m->list->cnt++;
		} else {
			spec_free(&v[i]);
		}
	}
	free(v);
	return r;
}

static int read_shard(struct maker *m, struct error **errp)
{
	const char *s = m->args->shard;
	_cleanup_free_ char *first = NULL;
	uint64_t i, n;

	m->shards = 1;
	if (!s)
		return 0;
	first = strndup(s, strcspn(s, "/"));
	if (!first)
		return no_memory(errp);
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

	if (!m->args->filter)
		return 0;
	r = compile(m->args->filter, "--filter", &m->filter, errp);
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
		return no_memory(errp);
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
	struct maker m = { .args = a, .given = given, .list = ret };
	int r;

	test_matrix_free(&x);
	r = test_scale(a->scale, &m.scale, errp);
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
		spec_free(&l->v[i]);
	free(l->v);
	*l = (struct test_list){ 0 };
}
