/* SPDX-License-Identifier: MIT */
/* lab_run.c: a lab's files laid out, its device compiled, its guest run and its trace read. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/lab.h"
#include "vmm/error.h"
#include "vmm/io.h"
#include "vmm/symbols.h"

#define SELF        "/proc/self/exe"
#define WORDS_MAX   64u
#define OUTPUT_MAX  (64u << 10) /* of what guest and program say */
#define TRACE_FILE  "trace"
#define DEVICE_FILE "device"
#define STEP_FILE   "commands"

/* What may be in the directory at the end, besides the lab's own. */
static const char *const made[] = { TRACE_FILE, DEVICE_FILE, STEP_FILE, "console", "log" };

/* --- files ------------------------------------------------------------------------------------ */

static int write_file(int dir, const struct lab_file *f, struct error **errp)
{
	_cleanup_close_ int fd =
		openat(dir, f->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r = fd < 0 ? -errno : io_write_all(fd, f->start, lab_file_len(f));

	return r < 0 ? err_errno(errp, -r, "cannot write '%s'", f->name) : 0;
}

static int write_files(const struct lab *l, const char *path, bool all, struct error **errp)
{
	_cleanup_close_ int dir = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	int r = 0;

	if (dir < 0)
		return err_errno(errp, errno, "cannot open '%s'", path);
	for (unsigned i = 0; i < LAB_FILES_MAX && l->file[i] && r == 0; i++)
		r = write_file(dir, l->file[i], errp);
	if (l->map && r == 0)
		r = write_file(dir, l->map, errp);
	if (all && r == 0)
		r = write_file(dir, l->source, errp);
	if (all && r == 0)
		r = write_file(dir, l->text, errp);
	return r;
}

int lab_write_files(const struct lab *l, const char *dir, struct error **errp)
{
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return err_errno(errp, errno, "cannot make '%s'", dir);
	return write_files(l, dir, true, errp);
}

int lab_place_make(const struct lab *l, struct lab_place *ret, struct error **errp)
{
	const char *tmp = getenv("TMPDIR");

	lab_signals_wait(&ret->signals);
	if (!tmp || !*tmp || strlen(tmp) > sizeof(ret->dir) - 24)
		tmp = "/tmp";
	snprintf(ret->dir, sizeof(ret->dir), "%s/trapeze-lab.XXXXXX", tmp);
	if (!mkdtemp(ret->dir)) {
		int e = errno;

		ret->dir[0] = '\0';
		sigprocmask(SIG_SETMASK, &ret->signals, NULL);
		return err_errno(errp, e, "cannot make a directory under '%s'", tmp);
	}
	return write_files(l, ret->dir, false, errp);
}

void lab_place_free(struct lab_place *p)
{
	_cleanup_close_ int dir = -1;

	if (!*p->dir)
		return;
	dir = open(p->dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	for (unsigned l = 0; l < lab_cnt && dir >= 0; l++) {
		for (unsigned i = 0; i < LAB_FILES_MAX && all_labs[l].file[i]; i++)
			unlinkat(dir, all_labs[l].file[i]->name, 0);
		if (all_labs[l].map)
			unlinkat(dir, all_labs[l].map->name, 0);
	}
	for (unsigned i = 0; i < ARRAY_LEN(made) && dir >= 0; i++)
		unlinkat(dir, made[i], 0);
	rmdir(p->dir);
	/* A signal that has waited ends this process here. */
	sigprocmask(SIG_SETMASK, &p->signals, NULL);
	*p = (struct lab_place){ 0 };
}

/* --- programs --------------------------------------------------------------------------------- */

int lab_build_device(const struct lab *l, const struct lab_place *p, const char *source,
		     struct error **errp)
{
	_cleanup_free_ char *path = source ? realpath(source, NULL) : strdup(l->device);
	const char *argv[] = {
		"cc", "-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Wno-unused-parameter", "-I.",
		"-o", DEVICE_FILE,  path, NULL
	};
	int status = 0, r;

	if (!path)
		return err_errno(errp, errno, "cannot open the device '%s'", source);
	r = lab_program(argv, p->dir, NULL, NULL, &status, errp);
	if (r < 0) {
		err_hint(errp, "this lab wants a C compiler that is called 'cc'; apt install gcc");
		return r;
	}
	return status ? 1 : 0;
}

/* --- the guest -------------------------------------------------------------------------------- */

/* What @name in @p holds, ending in NUL. */
static char *slurp(const struct lab_place *p, const char *name)
{
	_cleanup_close_ int dir = open(p->dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_CLOEXEC);
	char *buf = malloc(OUTPUT_MAX + 1);
	size_t len = 0;
	ssize_t n = 0;

	while (buf && fd >= 0 && len < OUTPUT_MAX &&
	       (n = read(fd, buf + len, OUTPUT_MAX - len)) > 0)
		len += (size_t)n;
	if (buf)
		buf[len] = '\0';
	return buf;
}

/* Of a run's options, those that are nothing for a session: a log at the end, a limit of time. */
static unsigned not_for_steps(const char *word)
{
	return !strcmp(word, "--dirty-log") ? 1 : !strcmp(word, "--timeout") ? 2 : 0;
}

/*
 * The words of @command, "trapeze run -k ...", behind @own, which has the verb. What is given later
 * wins, so the text may say something else. Modifies @command, which @argv points into.
 */
static int compose(char *command, const char *const *own, const char *argv[WORDS_MAX],
		   struct error **errp)
{
	char *save = NULL, *word = strtok_r(command, " ", &save);
	bool steps = !strcmp(own[1], "step");
	unsigned n = 0, skip = 0;

	if (word && !strcmp(word, "trapeze"))
		word = strtok_r(NULL, " ", &save);
	if (!word || strcmp(word, "run") != 0)
		return err_set(errp, EINVAL, "a lab runs 'trapeze run ...' and nothing else");
	for (; own[n]; n++)
		argv[n] = own[n];
	while ((word = strtok_r(NULL, " ", &save)) && n + 1 < WORDS_MAX) {
		if (!skip && steps)
			skip = not_for_steps(word);
		if (skip)
			skip--;
		else
			argv[n++] = word;
	}
	argv[n] = NULL;
	return 0;
}

static int read_trace(const struct lab *l, const struct lab_place *p, struct lab_result *ret,
		      struct error **errp)
{
	_cleanup_(symbols_free) struct symbols s = { 0 };
	char path[sizeof(p->dir) + sizeof(TRACE_FILE) + 1];
	struct trace *t = NULL;
	int r = l->map ? symbols_from_map(l->map->start, lab_file_len(l->map), &s, errp) : 0;

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s/%s", p->dir, TRACE_FILE);
	r = trace_load(path, &t, errp);
	if (r < 0)
		return r;
	lab_story_tell(t, l->map ? &s : NULL, &ret->story);
	trace_free(t);
	if (ret->story.failed)
		return err_errno(errp, ENOMEM, "reading the trace");
	return 0;
}

/* What trapeze said, its first line, is why. */
static int not_run(const char *log, struct error **errp)
{
	static const char name[] = "trapeze: ";

	if (!strncmp(log, name, strlen(name)))
		log += strlen(name);
	return err_set(errp, EIO, "the guest could not be run: %.*s", (int)strcspn(log, "\n"), log);
}

int lab_run(const struct lab *l, const struct lab_place *p, const char *command,
	    struct lab_result *ret, struct error **errp)
{
	static const char *const own[] = { SELF,          "run",      "--timeout", "30",
					   "--trace-out", TRACE_FILE, NULL };
	_cleanup_free_ char *words = strdup(command);
	const char *argv[WORDS_MAX];
	int r;

	*ret = (struct lab_result){ 0 };
	if (!words)
		return err_errno(errp, ENOMEM, "running the lab");
	r = compose(words, own, argv, errp);
	if (r == 0)
		r = lab_program(argv, p->dir, "console", "log", &ret->status, errp);
	if (r < 0)
		return r;
	ret->console = slurp(p, "console");
	ret->log = slurp(p, "log");
	if (!ret->console || !ret->log)
		return err_errno(errp, ENOMEM, "running the lab");
	if (ret->status == STATUS_USAGE || ret->status == STATUS_ERROR)
		return not_run(ret->log, errp);
	return read_trace(l, p, ret, errp);
}

/* --- sessions --------------------------------------------------------------------------------- */

int lab_step(const struct lab *l, const struct lab_place *p, const char *command, int *status,
	     struct error **errp)
{
	const char *own[] = { SELF, "step", l->map ? "--symbols" : NULL,
			      l->map ? l->map->name : NULL, NULL };
	_cleanup_free_ char *words = strdup(command);
	const char *argv[WORDS_MAX];
	int r;

	if (!words)
		return err_errno(errp, ENOMEM, "stepping through the lab");
	lab_signals_not_ours();
	r = compose(words, own, argv, errp);
	return r < 0 ? r : lab_program(argv, p->dir, NULL, NULL, status, errp);
}

/* What is typed in a session that a text shows: the lines behind the prompt. */
static int write_commands(const struct lab_place *p, char *const *line, unsigned cnt,
			  struct error **errp)
{
	_cleanup_(str_free) struct str all = { 0 };
	_cleanup_close_ int dir = open(p->dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	struct lab_file f = { .name = STEP_FILE };

	for (unsigned i = 0; i < cnt; i++)
		if (!strncmp(line[i], LAB_PROMPT, strlen(LAB_PROMPT)))
			str_add(&all, "%s\n", line[i] + strlen(LAB_PROMPT));
	if (dir < 0)
		return err_errno(errp, errno, "cannot open '%s'", p->dir);
	if (all.failed)
		return err_errno(errp, ENOMEM, "stepping through the lab");
	f.start = all.s ? all.s : "";
	f.end = f.start + all.len;
	return write_file(dir, &f, errp);
}

/* What was said, as a story: a line is an event. */
static int tell_lines(const char *text, struct lab_story *s)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		struct lab_line *more = reallocarray(s->line, s->cnt + 1, sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->line = more;
		s->line[s->cnt] = (struct lab_line){ .text = strndup(text, len) };
		if (!s->line[s->cnt].text)
			return -ENOMEM;
		s->cnt++;
		text += len + (text[len] == '\n');
	}
	return 0;
}

int lab_step_script(const struct lab *l, const struct lab_place *p, const char *command,
		    char *const *line, unsigned cnt, struct lab_result *ret, struct error **errp)
{
	const char *own[] = { SELF,
			      "step",
			      "--commands",
			      STEP_FILE,
			      l->map ? "--symbols" : NULL,
			      l->map ? l->map->name : NULL,
			      NULL };
	_cleanup_free_ char *words = strdup(command);
	const char *argv[WORDS_MAX];
	int r;

	*ret = (struct lab_result){ 0 };
	if (!words)
		return err_errno(errp, ENOMEM, "stepping through the lab");
	r = write_commands(p, line, cnt, errp);
	if (r == 0)
		r = compose(words, own, argv, errp);
	if (r == 0)
		r = lab_program(argv, p->dir, "console", "log", &ret->status, errp);
	if (r < 0)
		return r;
	ret->console = slurp(p, "console");
	ret->log = slurp(p, "log");
	if (!ret->console || !ret->log || tell_lines(ret->console, &ret->story) < 0)
		return err_errno(errp, ENOMEM, "stepping through the lab");
	return 0;
}
