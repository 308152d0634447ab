# SPDX-License-Identifier: MIT
# No console to speak of: /dev/null, then closed descriptors.
(guest -p "$QUIET" -m 256M) >/dev/null 2>$messages </dev/null
status=$?
expect_exit 0
(guest -p "$QUIET" -m 256M) >&- 2>$messages <&-
status=$?
expect_exit 0
