/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes one descriptor of each kind, uses it, and says on the second serial line what the kernel itself tells of it:
 * fstat, getsockname, getpeername, TIOCGWINSZ, tcgetattr. The test compares this with the objects in the trace.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void say_end(int fd, const char *key, int (*ask)(int, struct sockaddr *, socklen_t *))
{
    struct sockaddr_storage any = {0};
    socklen_t len = sizeof(any);
    char text[INET6_ADDRSTRLEN] = "";
    if (ask(fd, (struct sockaddr *)&any, &len) != 0)
        return;
    if (any.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)&any;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
        printf(" %s=%s:%u", key, text, ntohs(in->sin_port));
    } else if (any.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const void *)&any;
        inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof(text));
        printf(" %s=[%s]:%u", key, text, ntohs(in->sin6_port));
    }
}

static void say_socket(int fd)
{
    static const struct {
        const char *key;
        int option;
    } options[] = {{"family", SO_DOMAIN}, {"socket_type", SO_TYPE}, {"protocol", SO_PROTOCOL}};
    for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        int value = -1;
        socklen_t len = sizeof(value);
        if (getsockopt(fd, SOL_SOCKET, options[i].option, &value, &len) == 0)
            printf(" %s=%d", options[i].key, value);
    }
    say_end(fd, "local", getsockname);
    say_end(fd, "peer", getpeername);
}

/* Uses the descriptor, and tells of it. A call of our own that has no other use: fcntl(F_GETFD). */
static void say(const char *name, int fd)
{
    struct stat st;
    struct winsize size;
    struct termios modes;
    if (fcntl(fd, F_GETFD) < 0 || fstat(fd, &st) != 0)
        die(name);
    printf("object %s pid=%d fd=%d inode=%llu mode=%u dev=%u:%u", name, getpid(), fd, (unsigned long long)st.st_ino,
           (unsigned)st.st_mode, major(st.st_dev), minor(st.st_dev));
    if (S_ISCHR(st.st_mode))
        printf(" rdev=%u:%u", major(st.st_rdev), minor(st.st_rdev));
    if (S_ISSOCK(st.st_mode))
        say_socket(fd);
    if (S_ISCHR(st.st_mode) && ioctl(fd, TIOCGWINSZ, &size) == 0)
        printf(" rows=%u columns=%u", size.ws_row, size.ws_col);
    if (S_ISCHR(st.st_mode) && tcgetattr(fd, &modes) == 0)
        printf(" iflag=%u oflag=%u lflag=%u", modes.c_iflag, modes.c_oflag, modes.c_lflag);
    puts("");
    fflush(stdout);
}

static void terminals(void)
{
    struct winsize size = {.ws_row = 43, .ws_col = 132};
    struct termios modes;
    char path[64] = "";
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), slave, unlock = 0, index;
    if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) != 0 || ioctl(master, TIOCGPTN, &index) != 0)
        die("/dev/ptmx");
    snprintf(path, sizeof(path), "/dev/pts/%d", index);
    slave = open(path, O_RDWR | O_NOCTTY);
    if (slave < 0)
        die(path);
    say("master", master);
    say("slave", slave);
    if (ioctl(master, TIOCSWINSZ, &size) != 0 || tcgetattr(slave, &modes) != 0)
        die("TIOCSWINSZ");
    modes.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(slave, TCSANOW, &modes) != 0)
        die("tcsetattr");
    say("master-resized", master);
    say("slave-resized", slave);
    if (dup2(slave, 30) != 30) /* makes no descriptor by way of fd_install */
        die("dup2");
    say("slave-again", 30);
    /* A file that only looks like a terminal. */
    say("null", open("/dev/null", O_RDWR));
    say("serial", open("/dev/ttyS0", O_WRONLY | O_NOCTTY));
}

static void stream(int family, const char *name)
{
    struct sockaddr_storage any = {.ss_family = (sa_family_t)family};
    socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    int server = socket(family, SOCK_STREAM, 0), client = socket(family, SOCK_STREAM, 0), accepted;
    char text[64];
    if (family == AF_INET)
        ((struct sockaddr_in *)&any)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        ((struct sockaddr_in6 *)&any)->sin6_addr = in6addr_loopback;
    if (bind(server, (struct sockaddr *)&any, len) != 0 || listen(server, 1) != 0 ||
        getsockname(server, (struct sockaddr *)&any, &len) != 0)
        die("listen");
    snprintf(text, sizeof(text), "%s-fresh", name);
    say(text, client);
    if (connect(client, (struct sockaddr *)&any, len) != 0)
        die("connect");
    accepted = accept(server, NULL, NULL);
    if (accepted < 0)
        die("accept");
    snprintf(text, sizeof(text), "%s-listening", name);
    say(text, server);
    snprintf(text, sizeof(text), "%s-client", name);
    say(text, client);
    snprintf(text, sizeof(text), "%s-accepted", name);
    say(text, accepted);
}

int main(void)
{
    int pair[2], pipes[2], file;
    if (!freopen("/dev/ttyS1", "w", stdout))
        die("/dev/ttyS1");
    mkdir("/dev/pts", 0755);
    if (mount("devpts", "/dev/pts", "devpts", 0, "ptmxmode=0666") != 0)
        die("devpts");
    terminals();
    stream(AF_INET, "inet");
    stream(AF_INET6, "inet6");
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || pipe(pipes) != 0)
        die("pair");
    say("unix", pair[0]);
    say("udp", socket(AF_INET, SOCK_DGRAM, 0));
    say("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
    say("pipe", pipes[0]);
    /* One file after another behind the same number: each is told. */
    for (int i = 0; i < 3; i++) {
        char path[] = "/tmp/file-0", name[] = "file-0";
        path[sizeof(path) - 2] = name[sizeof(name) - 2] = (char)('0' + i);
        file = open(path, O_RDWR | O_CREAT, 0600);
        if (file < 0)
            die(path);
        say(name, file);
        close(file);
    }
    /* What the parent had, in a child: told by it anew. */
    file = open("/tmp/file-0", O_RDWR);
    if (fork() == 0) {
        say("inherited", file);
        _exit(0);
    }
    wait(NULL);
    return 0;
}
