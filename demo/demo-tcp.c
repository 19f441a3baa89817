/* SPDX-License-Identifier: GPL-2.0-or-later */
/* demo-tcp PORT: a server, and a child that asks it a question over the loopback interface. Runs in the demo's guest.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUESTION "what time is it?\n"
#define ANSWER   "time for tea\n"

static int client(const struct sockaddr_in *to)
{
    int sock = socket(AF_INET, SOCK_STREAM, 0);
    char question[] = QUESTION, reply[64];
    ssize_t got;

    if (sock < 0 || connect(sock, (const struct sockaddr *)to, sizeof(*to)) != 0 ||
        send(sock, question, strlen(question), 0) < 0) {
        return 1;
    }
    got = recv(sock, reply, sizeof(reply), 0);
    return got != (ssize_t)strlen(ANSWER) || write(STDOUT_FILENO, reply, (size_t)got) != got;
}

static int serve_one(int listener)
{
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    int sock = accept(listener, (struct sockaddr *)&peer, &len);
    char answer[] = ANSWER, asked[64];

    if (sock < 0 || recv(sock, asked, sizeof(asked), 0) != (ssize_t)strlen(QUESTION)) {
        return 1;
    }
    return send(sock, answer, strlen(answer), 0) < 0 || shutdown(sock, SHUT_RDWR) != 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0), failed, status;
    pid_t child;

    addr.sin_port = htons((in_port_t)(argc > 1 ? atoi(argv[1]) : 0));
    if (listener < 0 || bind(listener, (struct sockaddr *)&addr, sizeof(addr)) != 0 || listen(listener, 1) != 0) {
        perror("demo-tcp");
        return 1;
    }
    child = fork();
    if (child == 0) {
        _exit(client(&addr));
    }
    failed = child < 0 || serve_one(listener);
    return failed || waitpid(child, &status, 0) != child || status != 0;
}
