# SPDX-License-Identifier: MIT
# --stats: how it ended and what it cost, on standard error, never in the guest's output.
run_guest --stats -p "$QUIET" -m 256M
expect_exit 0
expect_message 'power'
expect_message 'exits'
