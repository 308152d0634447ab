/* SPDX-License-Identifier: MIT */
/* guest_segment.c: packs the guest's init and its configuration. */
#include "vmm/guest_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "boot/cpio.h"
#include "vmm/crc32c.h"
#include "vmm/error.h"
#include "vmm/str.h"

#define PORT_WAIT_MS   5000
#define DEVICE_WAIT_MS 10000
#define GRACE_MS       500
#define HOSTNAME_MAX   64 /* uname(2): __NEW_UTS_LEN */

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static bool absolute(const char *s)
{
	return s && s[0] == '/';
}

static uint32_t count(const char *const *v)
{
	uint32_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

/* --- what cannot be --------------------------------------------------------------------------- */

static int check_root(const struct guest_segment_config *c, struct error **errp)
{
	bool has_source = or_empty(c->root_source)[0], has_type = or_empty(c->root_type)[0];

	switch (c->root) {
	case GUEST_ROOT_INITRAMFS:
		return 0;
	case GUEST_ROOT_TREE:
		return c->tree ? 0 : err_set(errp, EINVAL, "the guest's root is no directory");
	case GUEST_ROOT_DISK:
		if (!absolute(c->root_source))
			return err_set(errp, EINVAL, "the guest's root is on no device");
		return 0;
	case GUEST_ROOT_SHARE:
		if (!has_source || !has_type)
			return err_set(errp, EINVAL, "the guest's root is on no share");
		return 0;
	}
	return err_set(errp, EINVAL, "the guest's root is of no kind");
}

static int check(const struct guest_segment_config *c, struct error **errp)
{
	int r = check_root(c, errp);

	if (r < 0)
		return r;
	if (!c->argv || !c->argv[0] || !c->argv[0][0])
		return err_set(errp, EINVAL, "there is no command for the guest to run");
	if (c->init_path &&
	    (!absolute(c->init_path) || strchr(c->init_path + 1, '/') || !c->init_path[1]))
		return err_set(errp, EINVAL, "'%s' is no place for the guest's init: '/NAME' is",
			       c->init_path);
	if (c->cwd && !absolute(c->cwd))
		return err_set(errp, EINVAL, "the guest's working directory '%s' is not absolute",
			       c->cwd);
	if (strlen(or_empty(c->hostname)) > HOSTNAME_MAX)
		return err_set(errp, EINVAL, "the host name '%s' is longer than %d bytes",
			       c->hostname, HOSTNAME_MAX);
	if (c->flags & ~GUEST_INIT_F_ALL)
		return err_set(errp, EINVAL, "flags %#x mean nothing to the guest's init",
			       c->flags & ~GUEST_INIT_F_ALL);
	for (unsigned i = 0; i < c->mount_cnt; i++)
		if (!absolute(c->mounts[i].target))
			return err_set(errp, EINVAL, "the mount point '%s' is not absolute",
				       or_empty(c->mounts[i].target));
	return 0;
}

/* --- the configuration ------------------------------------------------------------------------ */

static void add_string(struct str *b, const char *s)
{
	s = or_empty(s);
	str_add_bytes(b, s, strlen(s) + 1);
}

static void add_list(struct str *b, const char *const *v)
{
	for (; v && *v; v++)
		add_string(b, *v);
}

static void add_strings(struct str *b, const struct guest_segment_config *c)
{
	const char *const fixed[GUEST_STR_CNT] = {
		[GUEST_STR_CWD] = c->cwd,
		[GUEST_STR_HOSTNAME] = c->hostname,
		[GUEST_STR_ROOT_SOURCE] = c->root_source,
		[GUEST_STR_ROOT_TYPE] = c->root_type,
		[GUEST_STR_ROOT_OPTIONS] = c->root_options,
	};

	for (unsigned i = 0; i < ARRAY_LEN(fixed); i++)
		add_string(b, fixed[i]);
	add_list(b, c->argv);
	add_list(b, c->env);
	for (unsigned i = 0; i < c->mount_cnt; i++) {
		add_string(b, c->mounts[i].source);
		add_string(b, c->mounts[i].target);
		add_string(b, c->mounts[i].type);
		add_string(b, c->mounts[i].options);
	}
	add_list(b, c->modules);
}

static int add_config(struct cpio *out, const struct guest_segment_config *c, struct error **errp)
{
	struct cpio_entry e = { .name = &GUEST_INIT_CONFIG[1], .mode = S_IFREG | 0600 };
	struct guest_init_config h = {
		.magic = GUEST_INIT_CONFIG_MAGIC,
		.version = GUEST_INIT_VERSION,
		.flags = c->flags,
		.root = c->root,
		.arg_cnt = count(c->argv),
		.env_cnt = count(c->env),
		.mount_cnt = c->mount_cnt,
		.module_cnt = count(c->modules),
		.port_wait_ms = c->port_wait_ms ? c->port_wait_ms : PORT_WAIT_MS,
		.device_wait_ms = c->device_wait_ms ? c->device_wait_ms : DEVICE_WAIT_MS,
		.grace_ms = c->grace_ms ? c->grace_ms : GRACE_MS,
	};
	struct str b = { 0 };
	size_t len;

	str_add_bytes(&b, (const char *)&h, sizeof(h));
	add_strings(&b, c);
	len = b.len;
	_cleanup_free_ char *bytes = str_take(&b);
	if (!bytes)
		return err_errno(errp, ENOMEM, "cannot pack the guest's command");
	if (len > GUEST_INIT_CONFIG_MAX) {
		err_set(errp, E2BIG,
			"command and environment of the guest have %zu KiB, the "
			"limit is %u KiB",
			len / 1024, GUEST_INIT_CONFIG_MAX / 1024);
		err_hint(errp, "put long lists into a file that the command reads");
		return -E2BIG;
	}
	h.len = (uint32_t)len;
	memcpy(bytes, &h, sizeof(h));
	h.crc = crc32c(0, bytes, len);
	memcpy(bytes, &h, sizeof(h));
	e.size = len;
	return cpio_file(out, &e, bytes, errp);
}

/* --- files ------------------------------------------------------------------------------------ */

/*
 * A directory first: Linux removes what has the name and is none. A file of an earlier segment that
 * is one of several names (an /init that is /bin/busybox too) would else be written over under all
 * of them. A directory in turn gives way to the file.
 */
static int add_init(struct cpio *out, const char *path, struct error **errp)
{
	struct cpio_entry dir = { .name = path + 1, .mode = S_IFDIR | 0755 };
	struct cpio_entry e = { .name = path + 1, .mode = S_IFREG | 0755 };
	size_t len;
	const void *image = guest_init_image(&len);
	int r = cpio_file(out, &dir, "", errp);

	e.size = len;
	return r < 0 ? r : cpio_file(out, &e, image, errp);
}

static int add_dir(struct cpio *out, const char *path, mode_t mode, struct error **errp)
{
	struct cpio_entry e = { .name = path + 1, .mode = S_IFDIR | mode };

	return cpio_file(out, &e, "", errp);
}

/* The directories between GUEST_INIT_DIR and the file; said again, they do no harm. */
static int add_parents(struct cpio *out, const char *path, struct error **errp)
{
	_cleanup_free_ char *part = strdup(path);
	int r = 0;

	if (!part)
		return err_errno(errp, ENOMEM, "cannot pack '%s'", path);
	for (char *s = part + strlen(GUEST_INIT_DIR "/"); r == 0 && (s = strchr(s, '/')); s++) {
		*s = '\0';
		r = add_dir(out, part, 0755, errp);
		*s = '/';
	}
	return r;
}

static int add_given(struct cpio *out, const struct guest_file *f, struct error **errp)
{
	struct cpio_entry e = { .mode = S_IFREG | (f->mode & 07777), .size = f->len };
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (!f->path || strncmp(f->path, GUEST_INIT_DIR "/", strlen(GUEST_INIT_DIR "/")) != 0 ||
	    strstr(f->path, "/.."))
		return err_set(errp, EINVAL, "'%s' is not in %s", or_empty(f->path),
			       GUEST_INIT_DIR);
	r = add_parents(out, f->path, errp);
	if (r < 0)
		return r;
	e.name = f->path + 1;
	if (!f->from)
		return cpio_file(out, &e, f->data, errp);
	fd = open(f->from, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(errp, errno, "cannot open '%s'", f->from);
	if (!S_ISREG(st.st_mode))
		return err_set(errp, EINVAL, "'%s' is no regular file", f->from);
	e.size = (uint64_t)st.st_size;
	r = cpio_file_from(out, &e, fd, errp);
	return r < 0 ? err_wrap(errp, "'%s'", f->from) : 0;
}

int guest_segment_build(const struct guest_segment_config *c, int *fd, uint64_t *len,
			struct error **errp)
{
	_cleanup_(cpio_close) struct cpio out = { .f = NULL };
	int r = check(c, errp);

	if (r == 0)
		r = cpio_open(&out, errp);
	if (r == 0)
		r = add_init(&out, c->init_path ? c->init_path : GUEST_INIT_PATH, errp);
	if (r == 0)
		r = add_dir(&out, GUEST_INIT_DIR, 0700, errp);
	if (r == 0)
		r = add_config(&out, c, errp);
	for (unsigned i = 0; r == 0 && i < c->file_cnt; i++)
		r = add_given(&out, &c->files[i], errp);
	if (r == 0 && c->root == GUEST_ROOT_TREE)
		r = segment_add_tree(&out, c->tree, &GUEST_INIT_TREE[1], errp);
	return r < 0 ? r : cpio_finish(&out, fd, len, errp);
}
