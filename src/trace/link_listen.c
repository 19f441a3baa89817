// SPDX-License-Identifier: GPL-2.0-or-later
/* Sockets with a name: both ends of the link make some, and both must not take away anybody else's. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "trace/link.h"

#define BACKLOG 8

static int address_of(const char *path, struct sockaddr_un *addr)
{
    size_t len = strlen(path);

    if (len == 0)
        return -EINVAL;
    if (len >= sizeof(addr->sun_path))
        return -ENAMETOOLONG;
    memset(addr, 0, sizeof(*addr));
    addr->sun_family = AF_UNIX;
    memcpy(addr->sun_path, path, len + 1);
    return 0;
}

int link__connect(const char *path)
{
    struct sockaddr_un addr;
    int err = address_of(path, &addr);
    int sock;

    if (err < 0)
        return err;
    sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sock < 0)
        return -errno;
    if (connect(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        err = -errno;
        close(sock);
        return err;
    }
    return sock;
}

/* Removes a socket that nobody listens on any more. Anything else at this path stays: -EEXIST, -EADDRINUSE. */
static int clear_stale(const char *path)
{
    struct stat st;
    int sock;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    sock = link__connect(path);
    if (sock >= 0) {
        close(sock);
        return -EADDRINUSE;
    }
    if (sock != -ECONNREFUSED)
        return sock;
    return unlink(path) < 0 ? -errno : 0;
}

int link__listen(const char *path)
{
    struct sockaddr_un addr;
    int err = address_of(path, &addr);
    int sock;

    if (err == 0)
        err = clear_stale(path);
    if (err < 0)
        return err;
    sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sock < 0)
        return -errno;
    /* Before bind, so that nobody else can connect for even a moment; the umask would be the whole process's. */
    if (fchmod(sock, 0600) < 0 || bind(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(sock, BACKLOG) < 0) {
        err = -errno;
        close(sock);
        return err;
    }
    return sock;
}
