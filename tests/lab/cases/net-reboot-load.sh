# SPDX-License-Identifier: MIT
# limit: 150
# Resets while iperf3 sends both ways. reset=now is one as by a button: the card runs, its rings are
# full. An orderly one has the kernel stop its devices first.
#
# Such a one Debian's 6.1.0-56 may never finish (docs/networks.md says why): with vhost and two CPUs, 2
# of 9 hung here with trapeze and 1 of 6 with QEMU 7.2 as the VMM, all in the boot that was to end; of 16
# with reset=now none. napi_tx=0 is a driver without the loop that it hangs in.
own_network
new_tap tap0 10.0.2.2/24
servers
reset_under_load 2 reset=now -n tap,name=tap0
reset_under_load 1 reset=now -n tap,name=tap0 --virtio mmio --packed
reset_under_load 2 reset=orderly,net_module=napi_tx=0 -n tap,name=tap0
