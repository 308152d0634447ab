/* SPDX-License-Identifier: MIT */
/* src/kvm/msi.c without KVM: what becomes of a message's address, and a KVM that refuses. */
#include <errno.h>
#include <unistd.h>

#include "kvm/vm_internal.h"
#include "tests/lib/fake.h"

/*
 * Linux api.rst, KVM_SIGNAL_MSI: "If KVM_CAP_X2APIC_API is enabled, [address_hi] bits 31-8 contain
 * bits 31-8 of the destination id". cpuid.rst, KVM_FEATURE_MSI_EXT_DEST_ID: "guest checks this
 * feature bit before using extended destination ID bits in MSI address bits 11-5".
 */
static void destination_bits_14_to_8_move_up(void **state)
{
	const struct vm on = { .ids32 = true };

	(void)state;
	/* id 257: bits 7:0 in address bits 19:12, bit 8 in address bit 5, or in bit 40 */
	assert_int_equal(msi_kvm_address(&on, 0xfee01020), UINT64_C(0x1) << 40 | 0xfee01000);
	/* id 0x7fff */
	assert_int_equal(msi_kvm_address(&on, 0xfeeffffc), UINT64_C(0x7f) << 40 | 0xfeeff01c);
	/* ids below 255, redirection hint and logical mode are left alone */
	assert_int_equal(msi_kvm_address(&on, 0xfee0300c), 0xfee0300c);
}

static void without_32_bit_ids_nothing_moves(void **state)
{
	const struct vm off = { .ids32 = false };

	(void)state;
	assert_int_equal(msi_kvm_address(&off, 0xfee01020), 0xfee01020);
	assert_false(vm_has_ext_dest_id(&off));
}

/* Intel SDM 3A 11.11.1: messages are writes to 0xfeexxxxx. A guest may have a device write
 * anywhere; KVM would take other bits of any address for an interrupt. */
static void row66_only_interrupts_are_sent(void **state)
{
	static const uint64_t elsewhere[] = {
		0, 0x1000, 0xfed00000, 0xfef00000, UINT64_C(0x1fee00000), UINT64_MAX
	};
	struct vm vm = { .fd = -1 };
	struct msi_sink *sink;

	(void)state;
	irqchip_init(&vm);
	vm.mode = IRQCHIP_SPLIT;
	sink = vm_msi_sink(&vm);
	for (unsigned i = 0; i < ARRAY_LEN(elsewhere); i++)
		assert_int_equal(sink->ops->send(sink, &(struct msi_msg){ elsewhere[i], 0x31 }), 0);
	assert_int_equal(sink->ops->send(sink, &(struct msi_msg){ 0xfee00000, 0x31 }), -EBADF);
	irqchip_destroy(&vm);
}

/* A KVM that takes no irqfd and no table: signals stay in the descriptor, and each change tries
 * again. */
static void kvm_refuses(void **state)
{
	struct vm vm = { .fd = -1 };
	struct msi_msg m = { 0xfee00000, 0x31 };
	struct msi_sink *sink;
	uint64_t n = 1;
	unsigned pin;
	int fd;

	(void)state;
	irqchip_init(&vm);
	vm.mode = IRQCHIP_SPLIT;
	sink = vm_msi_sink(&vm);
	pin = (unsigned)sink->ops->pin_alloc(sink);
	assert_int_equal(pin, KVM_GSIS);
	fd = sink->ops->trigger_fd(sink, pin);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, &n, sizeof(n)), sizeof(n));
	for (unsigned i = 0; i < 3; i++) {
		sink->ops->batch(sink, true);
		sink->ops->route(sink, pin, &m, i & 1);
		sink->ops->batch(sink, false);
		assert_true(sink->ops->pin_pending(sink, pin));
	}
	assert_int_equal(vm_irqfd(&vm, 3), -1);
	assert_int_equal(vm_irqfd(&vm, KVM_GSIS), -1);
	sink->ops->route(sink, KVM_GSIS + 5000, &m, false);              /* no such pin */
	assert_int_equal(sink->ops->trigger_fd(sink, KVM_GSIS + 1), -1); /* not allocated */
	assert_false(sink->ops->pin_pending(sink, KVM_GSIS + 5000));
	sink->ops->pin_free(sink, pin);
	assert_int_equal(read(fd, &n, sizeof(n)), -1); /* closed */
	irqchip_destroy(&vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(destination_bits_14_to_8_move_up),
		cmocka_unit_test(without_32_bit_ids_nothing_moves),
		cmocka_unit_test(row66_only_interrupts_are_sent),
		cmocka_unit_test(kvm_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
