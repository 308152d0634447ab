/* SPDX-License-Identifier: MIT */
/* config.c: the configuration that the host has put into the initramfs. */
#include "firmware/init/init.h"

struct config config;

/* Until there is a configuration there are limits all the same. */
static const struct guest_init_config no_config = {
	.port_wait_ms = 5000,
	.grace_ms = 500,
};

bool flag(uint32_t f)
{
	return (config.head->flags & f) != 0;
}

const char *next_string(const char *s)
{
	return s + strlen(s) + 1;
}

/* An array of the next @cnt strings from *s on, which ends in NULL. */
static char **take_strings(const char **s, uint32_t cnt)
{
	char **v = sys_mmap(((size_t)cnt + 1) * sizeof(*v), -1);

	if (!v)
		fail(ENOMEM, "cannot list the strings of", GUEST_INIT_CONFIG);
	for (uint32_t i = 0; i < cnt; i++) {
		v[i] = (char *)(uintptr_t)*s; /* execve(2) takes them so, and does not write */
		*s = next_string(*s);
	}
	return v;
}

/* Are there as many strings as the header says? The last byte is a NUL. */
static bool has_strings(const struct guest_init_config *h, const char *s, size_t len)
{
	uint64_t want = (uint64_t)GUEST_STR_CNT + h->arg_cnt + h->env_cnt + h->module_cnt +
			(uint64_t)GUEST_INIT_MOUNT_STRINGS * h->mount_cnt;
	uint64_t have = 0;

	for (size_t i = 0; i < len; i++)
		have += s[i] == '\0';
	return len && s[len - 1] == '\0' && have == want && h->arg_cnt > 0;
}

static bool whole(struct guest_init_config *h, size_t len)
{
	uint32_t crc = h->crc;

	h->crc = 0;
	return h->len == len && crc32c(0, h, len) == crc;
}

void config_read(void)
{
	struct guest_init_config *h;
	const char *s;
	size_t len = 0;

	config.head = &no_config;
	h = (struct guest_init_config *)(void *)map_file(GUEST_INIT_CONFIG, GUEST_INIT_CONFIG_MAX,
							 &len);
	if (!h)
		fail(ENOENT, "cannot read", GUEST_INIT_CONFIG);
	if (len < sizeof(*h) || h->magic != GUEST_INIT_CONFIG_MAGIC)
		fail(EINVAL, "not made for this init:", GUEST_INIT_CONFIG);
	if (h->version != GUEST_INIT_VERSION)
		fail(EINVAL, "of another version:", GUEST_INIT_CONFIG);
	if (!whole(h, len) || !has_strings(h, (const char *)(h + 1), len - sizeof(*h)))
		fail(EINVAL, "damaged:", GUEST_INIT_CONFIG);
	config.head = h;
	s = (const char *)(h + 1);
	for (unsigned i = 0; i < GUEST_STR_CNT; i++) {
		config.str[i] = s;
		s = next_string(s);
	}
	config.argv = take_strings(&s, h->arg_cnt);
	config.env = take_strings(&s, h->env_cnt);
	config.mounts = s;
	for (uint32_t i = 0; i < GUEST_INIT_MOUNT_STRINGS * h->mount_cnt; i++)
		s = next_string(s);
	config.modules = s;
}
