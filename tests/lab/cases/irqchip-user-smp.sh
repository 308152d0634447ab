# SPDX-License-Identifier: MIT
# The classroom mode has one CPU; asking for two is a usage error that names both options.
run_guest --irqchip user -c 2
expect_exit 2
expect_message 'irqchip'
expect_message 'user'
