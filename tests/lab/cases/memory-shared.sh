# SPDX-License-Identifier: MIT
# RAM from a memfd, and prefaulted, boots like any other.
run_guest --mem-backing memfd --prefault -p "$QUIET" -m 192M
expect_exit 0
expect_console '^guest: memory 1[0-9]* KiB'
