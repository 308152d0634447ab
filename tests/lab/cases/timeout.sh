# SPDX-License-Identifier: MIT
# limit: 90
# A guest that never ends is ended at its time, whether it sleeps or spins.
for how in sleep spin; do
	began=$(cut -d. -f1 /proc/uptime)
	run_guest --timeout 12 -p "$QUIET do=quiet end=$how" -m 256M
	took=$(($(cut -d. -f1 /proc/uptime) - began))
	expect_exit 124
	expect_message 'time'
	expect [ $took -ge 11 ]
	expect [ $took -le 20 ]
done
