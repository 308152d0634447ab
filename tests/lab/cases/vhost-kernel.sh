# SPDX-License-Identifier: MIT
# limit: 90
# Linux' own vhost-net and vhost-vsock serve queues (tests/unit/test_vhost_kernel.c, which is skipped
# on a host that has them not): a tap in a namespace of the test's, a connection to a guest's CID.
modules tun tap vhost_iotlb vhost vhost_net vsock vmw_vsock_virtio_transport_common vhost_vsock
expect [ -c /dev/vhost-net ]
expect [ -c /dev/vhost-vsock ]
/unit/test_vhost_kernel >$DIR/out 2>&1
status=$?
cat $DIR/out
expect [ $status = 0 ]
expect grep -qx '\[  PASSED  \] [0-9]* test(s)\.' $DIR/out
grep SKIPPED $DIR/out && fail "not all of it was tried"
