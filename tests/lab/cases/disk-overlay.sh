# SPDX-License-Identifier: MIT
# limit: 120
# With an overlay the guest writes as it likes, and the image stays as it was; nothing else stays either.
store
for format in raw qcow2; do
	new_disk a.$format
	before=$(md5sum <$disks/a.$format)
	root_guest files,fio,leave,discard fio_size=2 -- -d $disks/a.$format,overlay
	expect [ "$(md5sum <$disks/a.$format)" = "$before" ]
	expect [ "$(ls $disks | wc -l)" = 1 ]
	rm $disks/a.$format
done
expect [ -z "$(ls /tmp | grep -i trapeze)" ]
