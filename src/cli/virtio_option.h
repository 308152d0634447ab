/* SPDX-License-Identifier: MIT */
/* virtio_option.h: kinds of values of virtio devices: --port, --pmem, --rng, --vsock. */
#ifndef CLI_VIRTIO_OPTION_H
#define CLI_VIRTIO_OPTION_H

#include "vmm/options.h"

extern const struct opt_type opt_ports;     /* struct port_list; NAME=WHERE */
extern const struct opt_type opt_pmems;     /* struct pmem_list; PATH[,KEY[=VALUE]]... */
extern const struct opt_word pmem_words[];  /* its keys, for people; each begins with a comma */
extern const struct opt_type opt_vsock;     /* struct vsock_config; KEY=VALUE,... */
extern const struct opt_word vsock_words[]; /* its keys */
extern const struct opt_word rng_words[];   /* opt_enum */

/* Accept zeroed ones, and leave them so. */
void port_list_free(struct port_list *l);
void pmem_list_free(struct pmem_list *l);

#endif
