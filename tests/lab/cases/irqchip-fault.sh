# SPDX-License-Identifier: MIT
# limit: 90
# An interrupt that comes while the VMM makes a fault of an MSR access is taken after the fault.
for mode in split kernel user; do
	echo "+ trapeze run -k /guest/real_fault_irq.bin --irqchip $mode"
	$V run -k /guest/real_fault_irq.bin --protocol real --irqchip $mode --stats --timeout 25 \
		>$console 2>$messages </dev/null
	status=$?
	expect_exit 85
	expect_console '^all ticks$'
	expect_message '^  exits .* [1-9][0-9]* other'
done
