/* SPDX-License-Identifier: MIT */
/*
 * modules.c: modules.dep, a line each: "PATH: PATH...", relative to its directory, where what a
 * module needs is named behind it, the one to be loaded first last.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/guest_modules.h"

#define MODULES_MAX 512 /* that a guest takes along */

/* Is the file at @path, of @len bytes, the module @name? */
static bool is_module(const char *path, size_t len, const char *name)
{
	const char *base = memrchr(path, '/', len);
	size_t n = 0;

	base = base ? base + 1 : path;
	len -= (size_t)(base - path);
	while (n < len && name[n] &&
	       (base[n] == name[n] || (base[n] == '-' && name[n] == '_') ||
		(base[n] == '_' && name[n] == '-')))
		n++;
	return !name[n] && len - n >= 3 && !memcmp(base + n, ".ko", 3);
}

static bool has(const struct guest_modules *m, const char *from)
{
	for (unsigned i = 0; i < m->cnt; i++)
		if (!strcmp(m->file[i].from, from))
			return true;
	return false;
}

static int grow(struct guest_modules *m)
{
	struct guest_file *f = realloc(m->file, (m->cnt + 1) * sizeof(*f));
	const char **p;

	if (!f)
		return -ENOMEM;
	m->file = f;
	p = realloc(m->path, (m->cnt + 2) * sizeof(*p));
	if (!p)
		return -ENOMEM;
	m->path = p;
	return 0;
}

/* One file behind those there are. Absolute paths are the distribution's own way. */
static int add(struct guest_modules *m, const char *dir, const char *path, size_t len,
	       struct error **errp)
{
	const char *base = memrchr(path, '/', len);
	char *from, *to;

	base = base ? base + 1 : path;
	if (m->cnt == MODULES_MAX)
		return err_set(errp, E2BIG, "more than %d modules for a guest in '%s'", MODULES_MAX,
			       dir);
	if (asprintf(&from, "%s%s%.*s", *path == '/' ? "" : dir, *path == '/' ? "" : "/", (int)len,
		     path) < 0)
		return err_errno(errp, ENOMEM, "cannot list modules");
	if (has(m, from)) {
		free(from);
		return 0;
	}
	if (asprintf(&to, GUEST_INIT_DIR "/modules/%.*s", (int)(len - (size_t)(base - path)),
		     base) < 0 ||
	    grow(m) < 0) {
		free(from);
		return err_errno(errp, ENOMEM, "cannot list modules");
	}
	m->file[m->cnt] = (struct guest_file){ .path = to, .mode = 0644, .from = from };
	m->path[m->cnt] = to;
	m->path[++m->cnt] = NULL;
	return 0;
}

/* The line's files, last first. */
static int add_line(struct guest_modules *m, const char *dir, char *line, struct error **errp)
{
	size_t end = strlen(line);
	int r = 0;

	line[strcspn(line, ":")] = ' ';
	while (end && r >= 0) {
		size_t begin;

		while (end && strchr(" \n", line[end - 1]))
			end--;
		begin = end;
		while (begin && line[begin - 1] != ' ')
			begin--;
		if (begin < end)
			r = add(m, dir, line + begin, end - begin, errp);
		end = begin;
	}
	return r;
}

/* One pass for each name, so that they are loaded in the caller's order. */
static int find_one(FILE *f, const char *dir, const char *name, struct guest_modules *ret,
		    struct error **errp)
{
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	int r = 0;

	rewind(f);
	while (r >= 0 && getline(&line, &cap, f) > 0) {
		if (!is_module(line, strcspn(line, ":"), name))
			continue;
		return add_line(ret, dir, line, errp);
	}
	return r;
}

int guest_modules_find(const char *dir, const char *const *wanted, unsigned cnt,
		       struct guest_modules *ret, struct error **errp)
{
	_cleanup_free_ char *path = NULL;
	FILE *f;
	int r = 0;

	if (asprintf(&path, "%s/modules.dep", dir) < 0)
		return err_errno(errp, ENOMEM, "cannot list modules");
	f = fopen(path, "re");
	if (!f)
		return err_errno(errp, errno, "cannot read '%s'", path);
	for (unsigned i = 0; i < cnt && r >= 0; i++)
		r = find_one(f, dir, wanted[i], ret, errp);
	fclose(f);
	return r;
}

/* modules.builtin has a path a line, and no colon. */
static bool is_listed(const char *dir, const char *list, const char *name)
{
	_cleanup_free_ char *path = NULL, *line = NULL;
	bool found = false;
	size_t cap = 0;
	FILE *f;

	if (asprintf(&path, "%s/%s", dir, list) < 0) {
		path = NULL;
		return false;
	}
	f = fopen(path, "re");
	while (f && !found && getline(&line, &cap, f) > 0)
		found = is_module(line, strcspn(line, ":\n"), name);
	if (f)
		fclose(f);
	return found;
}

bool guest_modules_has(const char *dir, const char *name)
{
	return is_listed(dir, "modules.dep", name) || is_listed(dir, "modules.builtin", name);
}

void guest_modules_free(struct guest_modules *m)
{
	for (unsigned i = 0; i < m->cnt; i++) {
		free((char *)m->file[i].path);
		free((char *)m->file[i].from);
	}
	free(m->file);
	free(m->path);
	*m = (struct guest_modules){ 0 };
}
