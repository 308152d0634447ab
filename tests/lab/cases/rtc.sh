# SPDX-License-Identifier: MIT
# The clock has the host's date, and an alarm interrupts.
run_guest -p "$QUIET do=rtc" -m 256M
now=$(date -u +%s)
expect_exit 0
for k in date rtc; do
	t=$(tr -d '\r' <$console | sed -n "s/^guest: $k \\([0-9]*\\)$/\\1/p")
	expect [ "${t:-0}" -gt $((now - 60)) ]
	expect [ "${t:-0}" -le $((now + 2)) ]
done
expect_console '^guest: rtc alarm interrupts [1-9]'
