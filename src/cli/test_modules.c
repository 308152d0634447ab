/* SPDX-License-Identifier: MIT */
/* test_modules.c: the drivers that a test's kernel does not have built in, and where they are. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/test.h"
#include "vmm/boot.h"
#include "vmm/error.h"
#include "vmm/guest_modules.h"

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

char *test_modules_dir(const struct test_spec *s, const struct test_args *a)
{
	if (a->modules)
		return *a->modules ? strdup(a->modules) : NULL;
	return s->config.boot.kernel ? modules_dir(s->config.boot.kernel) : NULL;
}

int test_add_modules(struct test_spec *s, const struct test_args *a, const char *found,
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
		return test_no_memory(errp);
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
