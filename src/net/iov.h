/* SPDX-License-Identifier: MIT */
/* iov.h: the pieces that packets are in are everybody's. */
#ifndef NET_IOV_H
#define NET_IOV_H

#include "vmm/iov.h"

#endif
