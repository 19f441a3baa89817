/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets whose values come from the C library's headers. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "decode/linux/set_items.h"

#include "decode/linux/sets_net.def"
