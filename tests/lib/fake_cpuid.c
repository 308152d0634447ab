/* SPDX-License-Identifier: MIT */
#include "tests/lib/fake_cpuid.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/base.h"

/* function, index, flags, eax, ebx, ecx, edx */
static const struct cpuid_leaf intel[] = {
	{ 0x0, 0, 0, 0x16, 0x756e6547, 0x6c65746e, 0x49656e69 },
	{ 0x1, 0, 0, 0x00050654, 0x1a400800, 0xfefa3223, 0x1f8bfbff },
	{ 0x2, 0, 0, 0x76036301, 0x00f0b5ff, 0, 0x00c30000 },
	{ 0x3, 0, 0, 1, 2, 3, 4 },
	{ 0x4, 0, 1, 0x7c004121, 0x01c0003f, 0x0000003f, 0 },
	{ 0x4, 1, 1, 0x7c004122, 0x01c0003f, 0x0000003f, 0 },
	{ 0x4, 2, 1, 0x7c004143, 0x03c0003f, 0x000003ff, 0 },
	{ 0x4, 3, 1, 0x7c0fc163, 0x0280003f, 0x00006fff, 4 },
	{ 0x4, 4, 1, 0, 0, 0, 0 },
	{ 0x5, 0, 0, 0x40, 0x40, 0x3, 0x2020 },
	{ 0x6, 0, 0, 4, 0, 0, 0 },
	{ 0x7, 0, 1, 1, 0xd19f4fbb, 0x0000001c, 0xbc000400 },
	{ 0x7, 1, 1, 0, 0, 0, 0 },
	{ 0xa, 0, 0, 0x08300804, 0, 0, 0x00000603 },
	{ 0xb, 0, 1, 1, 2, 0x100, 0x1a },
	{ 0xb, 1, 1, 6, 0x28, 0x201, 0x1a },
	{ 0xd, 0, 1, 0x2ff, 0xa88, 0xa88, 0 },
	{ 0xd, 1, 1, 0xf, 0xa88, 0x100, 0 },
	{ 0xd, 2, 1, 0x100, 0x240, 0, 0 },
	{ 0xd, 3, 1, 0x40, 0x3c0, 0, 0 },
	{ 0xd, 4, 1, 0x40, 0x400, 0, 0 },
	{ 0xd, 5, 1, 0x40, 0x440, 0, 0 },
	{ 0xd, 6, 1, 0x200, 0x480, 0, 0 },
	{ 0xd, 7, 1, 0x400, 0x680, 0, 0 },
	{ 0xd, 8, 1, 0x80, 0, 1, 0 },
	{ 0xd, 9, 1, 0x8, 0xa80, 0, 0 },
	{ 0x12, 0, 1, 1, 0, 0, 0x2f1f },
	{ 0x14, 0, 1, 0, 0, 0, 0 },
	{ 0x15, 0, 0, 2, 0xa8, 0, 0 },
	{ 0x16, 0, 0, 0x834, 0xe74, 0x64, 0 },
	{ 0x40000000, 0, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d },
	{ 0x40000001, 0, 0, 0x01007efb, 0, 0, 0 },
	{ 0x80000000, 0, 0, 0x80000008, 0, 0, 0 },
	{ 0x80000001, 0, 0, 0, 0, 0x00000121, 0x2c100800 },
	{ 0x80000002, 0, 0, 0x65746e49, 0x2952286c, 0x6f655820, 0x2952286e },
	{ 0x80000003, 0, 0, 0x6c6f4720, 0x31362064, 0x43203033, 0x40205550 },
	{ 0x80000004, 0, 0, 0x312e3220, 0x7a484730, 0, 0 },
	{ 0x80000006, 0, 0, 0, 0, 0x01006040, 0 },
	{ 0x80000007, 0, 0, 0, 0, 0, 0x100 },
	{ 0x80000008, 0, 0, 0x302e, 0x5000, 0, 0 },
};

static const struct cpuid_leaf amd[] = {
	{ 0x0, 0, 0, 0xd, 0x68747541, 0x444d4163, 0x69746e65 },
	{ 0x1, 0, 0, 0x00800f12, 0x17400800, 0xf6f83203, 0x178bfbff },
	{ 0x5, 0, 0, 0, 0, 0, 0 },
	{ 0x6, 0, 0, 4, 0, 0, 0 },
	{ 0x7, 0, 1, 0, 0x219c07ab, 0x0040060c, 0 },
	{ 0xb, 0, 1, 1, 2, 0x100, 0x17 },
	{ 0xd, 0, 1, 0x207, 0x988, 0x988, 0 },
	{ 0xd, 1, 1, 0xf, 0x988, 0, 0 },
	{ 0xd, 2, 1, 0x100, 0x240, 0, 0 },
	{ 0xd, 9, 1, 0x8, 0x980, 0, 0 },
	{ 0x40000000, 0, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d },
	{ 0x40000001, 0, 0, 0x01007efb, 0, 0, 0 },
	{ 0x80000000, 0, 0, 0x80000021, 0x68747541, 0x444d4163, 0x69746e65 },
	{ 0x80000001, 0, 0, 0x00800f12, 0x40000000, 0x00c003f7, 0x2fd3fbff },
	{ 0x80000002, 0, 0, 0x20444d41, 0x43595045, 0x30353720, 0x32332031 },
	{ 0x80000003, 0, 0, 0x726f432d, 0x72502065, 0x7365636f, 0x20726f73 },
	{ 0x80000004, 0, 0, 0x20202020, 0x20202020, 0x20202020, 0x00202020 },
	{ 0x80000005, 0, 0, 0xff40ff40, 0xff40ff40, 0x20080140, 0x40040140 },
	{ 0x80000006, 0, 0, 0x26006400, 0x66006400, 0x02006140, 0x02008140 },
	{ 0x80000007, 0, 0, 0, 0, 0, 0x100 },
	{ 0x80000008, 0, 0, 0x3030, 0x0102d205, 0x603f, 0 },
	{ 0x8000000a, 0, 0, 1, 8, 0, 0x0001947b },
	{ 0x80000019, 0, 0, 0xf040f040, 0, 0, 0 },
	{ 0x8000001a, 0, 0, 3, 0, 0, 0 },
	{ 0x8000001d, 0, 1, 0x4121, 0x01c0003f, 0x3f, 0 },
	{ 0x8000001d, 1, 1, 0x4122, 0x00c0003f, 0xff, 0 },
	{ 0x8000001d, 2, 1, 0x4143, 0x01c0003f, 0x3ff, 2 },
	{ 0x8000001d, 3, 1, 0x1c163, 0x03c0003f, 0x1fff, 1 },
	{ 0x8000001e, 0, 0, 0x17, 0x103, 0x302, 0 },
	{ 0x8000001f, 0, 0, 0xf, 0x16f, 0xf, 1 },
	{ 0x80000021, 0, 0, 0x45, 0, 0, 0 },
};

static const struct cpuid_leaf tiny[] = {
	{ 0x0, 0, 0, 0x1, 0x61726f74, 0x2167, 0x616e6162 },
	{ 0x1, 0, 0, 0x00000611, 0x00000800, 0x00002000, 0x078bfbff },
	{ 0x80000000, 0, 0, 0x80000001, 0, 0, 0 },
	{ 0x80000001, 0, 0, 0, 0, 0, 0x20100800 },
};

static void fill(struct cpuid_table *t, const struct cpuid_leaf *l, unsigned cnt)
{
	memset(t, 0, sizeof(*t));
	memcpy(t->leaf, l, cnt * sizeof(*l));
	t->cnt = cnt;
}

void fake_cpuid_intel(struct cpuid_table *t)
{
	fill(t, intel, ARRAY_LEN(intel));
}

void fake_cpuid_amd(struct cpuid_table *t)
{
	fill(t, amd, ARRAY_LEN(amd));
}

void fake_cpuid_tiny(struct cpuid_table *t)
{
	fill(t, tiny, ARRAY_LEN(tiny));
}

bool fake_cpuid_real(struct cpuid_table *t, const char **why)
{
	_cleanup_close_ int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	_cleanup_free_ struct kvm_cpuid2 *c =
		calloc(1, sizeof(*c) + CPUID_MAX_LEAVES * sizeof(c->entries[0]));

	if (fd < 0 || !c) {
		*why = fd < 0 ? strerror(errno) : "no memory";
		return false;
	}
	c->nent = CPUID_MAX_LEAVES;
	if (ioctl(fd, KVM_GET_SUPPORTED_CPUID, c)) {
		*why = strerror(errno);
		return false;
	}
	memset(t, 0, sizeof(*t));
	for (t->cnt = 0; t->cnt < c->nent; t->cnt++) {
		const struct kvm_cpuid_entry2 *e = &c->entries[t->cnt];

		t->leaf[t->cnt] = (struct cpuid_leaf){ e->function, e->index, e->flags, e->eax,
						       e->ebx,      e->ecx,   e->edx };
	}
	return true;
}
