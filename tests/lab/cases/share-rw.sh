# SPDX-License-Identifier: MIT
# limit: 450
# A directory that the guest may change: it copies a tree both ways, and what it makes, moves and
# removes is so on the host.
make_tree
for how in "" "--virtio mmio --packed"; do
	rm -rf $DIR/s/c $DIR/s/back
	share_guest read_tree,copy,change tag=work mib=8 -- --share $DIR/s,tag=work,rw --share /etc $how
	(cd $DIR/s/tree && listing .) >$DIR/there
	(cd $DIR/s/back && listing .) >$DIR/back
	expect diff $DIR/there $DIR/back
	expect [ "$(md5sum <$DIR/s/written)" = "$(cat $DIR/s/written.md5)" ]
	expect [ "$(stat -c %s $DIR/s/written)" = 8388608 ]
	expect [ "$(ls $DIR/s/c | tr '\n' ' ')" = "b g l p w " ]
	expect [ "$(stat -c %a:%Y $DIR/s/c/g)" = "4755:$(date -u -d '2001-02-03 04:05:06' +%s)" ]
	expect [ -p $DIR/s/c/p ]
done
