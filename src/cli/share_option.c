/* SPDX-License-Identifier: MIT */
/* share_option.c: --share DIR[,tag=TAG][,rw]. */
#include "cli/share_option.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/path_option.h"
#include "vmm/error.h"
#include "vmm/json.h"

const struct opt_word share_words[] = {
	{ ",tag=TAG", 0,
	  "what the guest calls it, at most 36 bytes (default: share0, share1 ...)" },
	{ ",rw", 0, "the guest may change what is in it" },
	{ 0 },
};

/* virtio 1.2, 5.11.4: "the name associated with this file system ... encoded in UTF-8". What a
 * guest's command line or fstab takes as one word. */
static int set_tag(void *field, const struct opt *o, const char *text, struct error **errp)
{
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return err_set(errp, EINVAL,
				       "'%s' is no tag: a blank or a control character is in it",
				       text);
	}
	if (!*text || strlen(text) > SHARE_TAG_MAX)
		return err_set(errp, ERANGE, "'%s' has %zu bytes: a tag has 1 to %u", text,
			       strlen(text), SHARE_TAG_MAX);
	return opt_text.set(field, o, text, errp);
}

static json_t *get_tag(const void *field, const struct opt *o)
{
	return opt_text.get(field, o);
}

static const struct opt_type opt_tag = {
	.set = set_tag,
	.get = get_tag,
};

/* Offsets count from struct share_config. */
static const struct opt share_keys[] = {
	{ .name = "tag", .type = &opt_tag, .off = offsetof(struct share_config, tag) },
	{ .name = "rw", .type = &opt_switch, .off = offsetof(struct share_config, writable) },
};

static const struct share_config plain_share = { 0 };
static const struct opt share_path = {
	.name = "path",
	.arg = "DIR",
	.type = &opt_file,
	.off = offsetof(struct share_config, path),
};
static const struct path_option share_option = {
	.thing = "a share",
	.file = "directory",
	.key = share_keys,
	.key_cnt = ARRAY_LEN(share_keys),
	.first = &share_path,
	.plain = &plain_share,
	.size = sizeof(plain_share),
};

static void share_free(struct share_config *c)
{
	free(c->path);
	free(c->tag);
}

void share_list_free(struct share_list *l)
{
	for (unsigned i = 0; i < l->cnt; i++)
		share_free(&l->v[i]);
	free(l->v);
	*l = (struct share_list){ 0 };
}

static const char *tag_of(const struct share_list *l, unsigned i, char buf[16])
{
	snprintf(buf, 16, "share%u", i);
	return l->v[i].tag ? l->v[i].tag : buf;
}

int share_list_check(const struct share_list *l, struct error **errp)
{
	for (unsigned i = 0; i < l->cnt; i++) {
		for (unsigned k = 0; k < i; k++) {
			char a[16], b[16];

			if (strcmp(tag_of(l, i, a), tag_of(l, k, b)) != 0)
				continue;
			err_set(errp, EINVAL, "the shares '%s' and '%s' have the same tag, '%s'",
				l->v[k].path, l->v[i].path, tag_of(l, i, a));
			err_hint(errp, "a guest finds a share by its tag: --share DIR,tag=TAG");
			return -EINVAL;
		}
	}
	return 0;
}

static int set_share(void *field, const struct opt *o, const char *text, struct error **errp)
{
	struct share_list *l = field;
	struct share_config c = plain_share, *v;
	int r;

	(void)o;
	if (l->cnt == CONFIG_SHARES)
		return err_set(errp, E2BIG, "'%s' is one too many: there are %d at most", text,
			       CONFIG_SHARES);
	r = path_option_parse(&share_option, text, &c, errp);
	v = r < 0 ? NULL : reallocarray(l->v, l->cnt + 1, sizeof(*v));
	if (v) {
		l->v = v;
		v[l->cnt++] = c;
		return 0;
	}
	share_free(&c);
	return r < 0 ? r : err_errno(errp, ENOMEM, "cannot store '%s'", text);
}

static char *share_text(const json_t *obj, struct error **errp)
{
	return path_option_text(&share_option, obj, errp);
}

static json_t *get_shares(const void *field, const struct opt *o)
{
	const struct share_list *l = field;

	(void)o;
	return path_option_list(&share_option, l->v, l->cnt);
}

static bool has_shares(const void *field)
{
	return ((const struct share_list *)field)->cnt;
}

static void clear_shares(void *field, const struct opt *o)
{
	(void)o;
	share_list_free(field);
}

const struct opt_type opt_shares = {
	.wants = "an array of strings and objects, or one of them",
	.json = OPT_STRING | OPT_OBJECT,
	.completes = OPT_DIRS,
	.repeats = true,
	.is_list = true,
	.set = set_share,
	.object_text = share_text,
	.get = get_shares,
	.is_set = has_shares,
	.clear = clear_shares,
};
