# SPDX-License-Identifier: MIT
# limit: 150
# Two CPUs at work on a disk, traced: queues, chains, requests and messages are told, on whichever thread.
store
new_disk a.qcow2
root_guest props,files -- -c 2 --timeout 120 -d $disks/a.qcow2 '--trace=dev=disk0|dev=disk0-pci'
expect_message 'queue 0 notified'
expect_message 'chain [0-9]+ .*taken'
expect_message 'request .*begun'
expect_message 'disk0'
expect [ "$(grep -c 'records were lost' "$messages")" = 0 ]
check_root $disks/a.qcow2
