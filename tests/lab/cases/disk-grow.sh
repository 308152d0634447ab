# SPDX-License-Identifier: MIT
# limit: 90
# A disk that grows under the guest: the host lengthens the file and says so by a signal.
store
new_disk a.raw
start_root_guest grow -- --timeout 80 -d $disks/a.raw
wait_console '^guest: size 131072' 60
truncate -s 96M $disks/a.raw
kill -USR1 $pid
wait_guest
expect_exit 0
expect_console '^guest: new size 196608'
expect_console '^guest: grow ok'
check_root $disks/a.raw
