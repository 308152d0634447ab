# SPDX-License-Identifier: MIT
# limit: 90
# The guest sees all of its RAM: what the memory map calls RAM is the size asked for, less the
# 384 KiB between 640 KiB and 1 MiB and at most 256 KiB that the firmware keeps for its tables.
guest_does memory -m 3584M
ram=$(sed -n 's/^guest: firmware ram \([0-9]*\) KiB.*/\1/p' $DIR/out)
echo "firmware map: $ram KiB of 3670016"
expect [ "${ram:-0}" -le 3670016 ]
expect [ "${ram:-0}" -ge 3669568 ]
total=$(sed -n 's/^guest: memory \([0-9]*\) KiB.*/\1/p' $DIR/out)
expect [ "${total:-0}" -ge 3078553 ]
