/* SPDX-License-Identifier: MIT */
/*
 * test_share.c: directories of the host in a test's guest: --share DIR:/WHERE[:rw], and --root DIR
 * where the kernel can take its root from a share.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/test.h"
#include "vmm/error.h"
#include "vmm/guest_modules.h"

#define ROOT_TAG "root"

/* One more share of the machine; @path is copied. */
static struct share_config *add_share(struct vm_config *c, const char *path, size_t len)
{
	struct share_list *l = &c->shares;
	struct share_config *v = reallocarray(l->v, l->cnt + 1, sizeof(*v));

	if (!v)
		return NULL;
	l->v = v;
	v += l->cnt;
	*v = (struct share_config){ .path = strndup(path, len) };
	if (!v->path)
		return NULL;
	l->cnt++;
	return v;
}

/* Behind the last colon: "rw", "ro"; -1: neither. */
static int access_word(const char *word, size_t *len)
{
	if (*len > 3 && !memcmp(word + *len - 3, ":rw", 3)) {
		*len -= 3;
		return 1;
	}
	if (*len > 3 && !memcmp(word + *len - 3, ":ro", 3)) {
		*len -= 3;
		return 0;
	}
	return -1;
}

static int bad_word(const char *word, struct error **errp)
{
	err_set(errp, EINVAL, "--share '%s': where in the guest is not said", word);
	err_hint(errp,
		 "--share DIR:/mnt/x, and :rw behind it if the guest may change what is in it");
	return -EINVAL;
}

static int one_share(struct test_spec *s, const char *word, struct guest_mount *m,
		     struct error **errp)
{
	size_t len = strlen(word);
	bool writable = access_word(word, &len) == 1;
	const char *at = memmem(word, len, ":/", 2);
	struct share_config *c;
	unsigned n = s->config.shares.cnt;

	if (!at || at == word)
		return bad_word(word, errp);
	if (n == CONFIG_SHARES)
		return err_set(errp, E2BIG, "--share '%s' is one too many: there are %d at most",
			       word, CONFIG_SHARES);
	c = add_share(&s->config, word, (size_t)(at - word));
	if (!c)
		return test_no_memory(errp);
	c->writable = writable;
	if (asprintf(&c->tag, "test%u", n) < 0) {
		c->tag = NULL;
		return test_no_memory(errp);
	}
	*m = (struct guest_mount){ .source = strdup(c->tag),
				   .target = strndup(at + 1, len - (size_t)(at + 1 - word)),
				   .type = "virtiofs",
				   .options = writable ? "" : "ro" };
	return m->source && m->target ? 0 : test_no_memory(errp);
}

int test_add_shares(struct test_spec *s, const struct test_args *a, struct error **errp)
{
	struct guest_mount *m = calloc(a->shares.cnt + 1, sizeof(*m));
	int r = 0;

	if (!m)
		return test_no_memory(errp);
	s->segment.mounts = m;
	for (unsigned i = 0; i < a->shares.cnt && r >= 0; i++, s->segment.mount_cnt++)
		r = one_share(s, a->shares.v[i], &m[i], errp);
	return r;
}

void test_free_shares(struct test_spec *s)
{
	for (unsigned i = 0; i < s->segment.mount_cnt; i++) {
		free((char *)(uintptr_t)s->segment.mounts[i].source);
		free((char *)(uintptr_t)s->segment.mounts[i].target);
	}
	free((struct guest_mount *)(uintptr_t)s->segment.mounts);
	s->segment.mounts = NULL;
	s->segment.mount_cnt = 0;
}

/*
 * The directory as the root, shared and never changed, with what the guest writes in its memory. A
 * kernel without the drivers gets a copy.
 */
int test_share_root(struct test_spec *s, const char *dir, const char *modules, struct error **errp)
{
	struct share_config *c;

	if (!modules || !guest_modules_has(modules, "virtiofs") ||
	    !guest_modules_has(modules, "overlay")) {
		s->segment.root = GUEST_ROOT_TREE;
		s->segment.tree = dir;
		return 0;
	}
	c = add_share(&s->config, dir, strlen(dir));
	if (c)
		c->tag = strdup(ROOT_TAG);
	if (!c || !c->tag)
		return test_no_memory(errp);
	s->segment.root = GUEST_ROOT_SHARE;
	s->segment.root_source = ROOT_TAG;
	s->segment.root_type = "virtiofs";
	s->segment.flags |= GUEST_INIT_F_OVERLAY;
	return 0;
}
