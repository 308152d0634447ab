/* SPDX-License-Identifier: MIT */
/* test_irqchip.c: what a message's address becomes on its way into KVM. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(destination_bits_14_to_8_move_up),
		cmocka_unit_test(without_32_bit_ids_nothing_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
