/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two threads: one answers the plugin's questions about the guest's kernel (that may take a second, and the ring must
 * not fill meanwhile), the other takes records out of the ring and shows them.
 */
#include "cmd/session.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "guest/find/nt/nt.h"
#include "trace/record.h"
#include "trace/ring.h"

#define PAGE            4096u
#define FIND_PAGES_MAX  (1u << 16)
#define IDLE_MS         20u   /* how stale a live view may be */
#define DETACH_MS       3000u /* how long the plugin may take to say good-bye */
#define RECORDS_A_ROUND 4096u /* between looks at the signals */

/* What the two threads share. */
struct live {
    const struct session *session;
    int ended;            /* atomic: an enum link_end, set last by the link thread */
    pthread_mutex_t lock; /* both send on the socket */
    struct find_nt *nt;   /* the link thread's: what it knows of an NT kernel */
};

enum link_end { LINK_OPEN = 0, LINK_SAID_DONE, LINK_SAID_NO, LINK_LOST };

static const char *hello_problem(const struct link_hello *hello)
{
    if (memchr(hello->qebek, 0, sizeof(hello->qebek)) == NULL ||
        memchr(hello->target, 0, sizeof(hello->target)) == NULL) {
        return "it does not speak as a plugin of qebek does";
    }
    if (strcmp(hello->qebek, QEBEK_VERSION) != 0) {
        return "it belongs to another version of qebek";
    }
    if (strcmp(hello->target, "x86_64") != 0) {
        return "its machine is not an x86-64 one";
    }
    if (hello->vcpus < 1 || hello->vcpus >= RING_COUNT_MAX) {
        return "it tells an impossible number of vCPUs";
    }
    return NULL;
}

/* Wait for HELLO and map its ring. NULL: *end says why. */
static struct ring_set *greet(const struct session *session, enum session_end *end)
{
    g_autoptr(GError) error = NULL;
    struct link_hello hello;
    enum link_type type;
    struct ring_set *ring;
    const char *problem;
    int fd = -1;
    long got = link__receive(session->sock, &type, &hello, sizeof(hello), &fd, session->hello_ms);

    *end = SESSION_REFUSED;
    if (got == -EPIPE || got == -ECONNRESET) {
        *end = SESSION_SILENT;
        return NULL;
    }
    if (got < 0) {
        cmd__say("no word from the plugin: %s", g_strerror((int)-got));
        return NULL;
    }
    if (got != (long)sizeof(hello) || type != LINK_HELLO || fd < 0) {
        cmd__say("the other side is not a plugin of qebek");
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    problem = hello_problem(&hello);
    if (problem) {
        cmd__say("cannot work with this plugin: %s", problem);
        close(fd);
        return NULL;
    }
    ring = ring__open(fd, &error);
    if (!ring) {
        cmd__say("cannot use the plugin's ring: %s", error->message);
    }
    close(fd);
    return ring;
}

/* All of fd's bytes [offset, offset + len) into buf: what lies in shared memory may change while it is parsed. */
static bool read_at(int fd, void *buf, size_t len, off_t offset)
{
    uint8_t *at = buf;

    while (len > 0) {
        ssize_t got = pread(fd, at, len, offset);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += got;
        offset += got;
        len -= (size_t)got;
    }
    return true;
}

/* A private copy of the image that FIND brought. False: it is not what FIND says. */
static bool copy_image(const struct link_find *find, int fd, struct find_image *image, uint8_t **memory, size_t *size)
{
    size_t bitmap, total;
    struct stat st;
    void *map;

    if (find->pages < 1 || find->pages > FIND_PAGES_MAX || find->base % PAGE != 0 || find->extra > 1 || fd < 0) {
        return false;
    }
    bitmap = ((size_t)find->pages + 8u * PAGE - 1) / (8u * PAGE) * PAGE;
    total = bitmap + (size_t)(find->pages + find->extra) * PAGE;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)total) {
        return false;
    }
    map = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        return false;
    }
    *memory = map;
    *size = total;
    if (!read_at(fd, map, total, 0)) {
        munmap(map, total);
        return false;
    }
    *image = (struct find_image){.base = find->base,
                                 .pages = (size_t)find->pages,
                                 .bytes = *memory + bitmap,
                                 .present = *memory,
                                 .entry = find->entry,
                                 .extra = find->extra ? *memory + total - PAGE : NULL};
    return true;
}

/* What FOUND carries. */
struct answer {
    struct link_found found;
    union {
        struct linux_layout linux_layout;
        struct nt_layout nt;
    };
};

/* Look into the image. Returns the bytes of the answer's layout, 0: nothing was recognised. */
static size_t look_into(const struct session *session, struct find_nt *nt, const struct link_find *find,
                        const struct find_image *image, struct answer *answer)
{
    bool known = false;

    switch (find->kind) {
    case LINK_FIND_KERNEL:
        known = find__kernel(image, &session->find, &answer->found, &answer->linux_layout);
        return known && answer->found.layout_len > 0 ? sizeof(answer->linux_layout) : 0;
    case LINK_FIND_NT_KERNEL:
        known = find_nt__kernel(nt, image, &session->find, &answer->found);
        break;
    case LINK_FIND_NT_STUBS:
        known = find_nt__stubs(nt, image, &answer->found);
        break;
    default:
        break;
    }
    if (known) {
        answer->nt = nt->layout;
    }
    return known ? sizeof(answer->nt) : 0;
}

/* Answers one FIND. Returns 0 or what link__send returned. */
static int answer_find(struct live *live, const struct link_find *find, int fd)
{
    const struct session *session = live->session;
    struct answer *answer = g_malloc0(sizeof(*answer));
    struct find_image image;
    uint8_t *memory = NULL;
    size_t size = 0, len = sizeof(answer->found);
    int status, table = -1;

    answer->found.os = LINK_OS_UNKNOWN;
    if (copy_image(find, fd, &image, &memory, &size)) {
        size_t layout = look_into(session, live->nt, find, &image, answer);

        answer->found.layout_len = (uint32_t)layout;
        if (layout == 0) {
            answer->found.os = LINK_OS_UNKNOWN;
            answer->found.text_len = 0;
        }
        if (find->kind == LINK_FIND_KERNEL || find->kind == LINK_FIND_NT_KERNEL) {
            table = hooks__take(session->hooks);
        }
        len += layout;
        munmap(memory, size);
    } else if (!session->quiet) {
        cmd__say("the plugin's copy of the kernel cannot be read; going on without");
    }
    answer->found.epoch = find->epoch;
    pthread_mutex_lock(&live->lock);
    status = link__send(session->sock, LINK_FOUND, answer, len, table);
    pthread_mutex_unlock(&live->lock);
    if (table >= 0) {
        close(table);
    }
    g_free(answer);
    return status;
}

static void *link_thread(void *data)
{
    struct live *live = data;
    const struct session *session = live->session;
    g_autofree uint8_t *buf = g_malloc(LINK_MESSAGE_MAX);
    g_autofree struct find_nt *nt = g_new0(struct find_nt, 1);
    enum link_end end = LINK_LOST;

    live->nt = nt;
    for (;;) {
        enum link_type type;
        int fd = -1;
        long got = link__receive(session->sock, &type, buf, LINK_MESSAGE_MAX, &fd, -1);

        if (got >= 0 && type == LINK_FIND && got == (long)sizeof(struct link_find)) {
            struct link_find find;

            memcpy(&find, buf, sizeof(find));
            (void)answer_find(live, &find, fd); /* a link that is gone shows itself at the next receive */
        }
        if (fd >= 0) {
            close(fd);
        }
        if (got >= 0 && type == LINK_REFUSED) {
            cmd__say("%.*s", (int)MIN(got, (long)LINK_REFUSED_MAX), (const char *)buf);
            end = LINK_SAID_NO;
            break;
        }
        if (got >= 0 && type == LINK_DONE) {
            end = LINK_SAID_DONE;
            break;
        }
        if (got < 0) {
            break;
        }
    }
    find_nt__clear(nt);
    __atomic_store_n(&live->ended, end, __ATOMIC_RELEASE);
    return NULL;
}

struct drain {
    uint64_t records, holes;
    uint64_t last; /* seq of the last record shown */
    bool broken, summary;
    unsigned outputs; /* that still work */
};

static void show(const struct session *session, struct drain *d, const struct qbk_record *rec)
{
    d->records++;
    d->last = rec->seq;
    if (session->control) {
        control__see(session->control, rec);
    }
    d->outputs = show__record(session->show, rec);
}

/*
 * What was dropped so late that the plugin found no room for a GAP: the ring's own counters tell, and this process
 * writes the GAP that is missing. Returns whether there was one.
 */
static bool show_untold(const struct session *session, struct ring_set *ring, struct drain *d, uint64_t seq,
                        uint64_t time_ns)
{
    struct ring_losses losses;
    struct qbk_gap gap = {.h = {.size = sizeof(gap), .type = QBK_GAP, .vcpu = QBK_NO_VCPU}, .reason = QBK_GAP_FULL};

    ring__untold(ring, &losses);
    if (losses.records == 0) {
        return false;
    }
    gap.h.seq = seq;
    gap.h.time_ns = time_ns;
    gap.records = losses.records;
    gap.bytes = losses.bytes;
    gap.enters = MIN(losses.enters, losses.records);
    gap.returns = MIN(losses.returns, losses.records - gap.enters);
    show(session, d, &gap.h);
    return true;
}

/* The summary ends a trace, so what is still to be told comes before it, and it moves on by one number. */
static void show_summary(const struct session *session, struct ring_set *ring, struct drain *d,
                         const struct qbk_record *rec)
{
    if (show_untold(session, ring, d, rec->seq, rec->time_ns)) {
        struct qbk_record *moved = g_memdup2(rec, rec->size);

        moved->seq++;
        show(session, d, moved);
        g_free(moved);
    } else {
        show(session, d, rec);
    }
    d->summary = true;
}

/* Show what there is, at most one round. Returns whether there was anything. */
static bool drain(const struct session *session, struct ring_set *ring, bool at_end, struct drain *d)
{
    for (unsigned i = 0; i < RECORDS_A_ROUND; i++) {
        const struct qbk_record *rec = ring__next(ring, at_end, &d->holes, &d->broken);

        if (d->broken || !rec) {
            return i > 0;
        }
        if (!record__valid(rec, rec->size)) {
            d->broken = true;
            return true;
        }
        if (rec->type == QBK_SUMMARY) {
            show_summary(session, ring, d, rec);
        } else {
            show(session, d, rec);
        }
        if (d->outputs == 0) {
            return true;
        }
    }
    return true;
}

static int send_control(void *user, const void *payload, size_t len)
{
    struct live *live = user;
    int err;

    pthread_mutex_lock(&live->lock);
    err = link__send(live->session->sock, LINK_CONTROL, payload, len, -1);
    pthread_mutex_unlock(&live->lock);
    return err;
}

/* On the first sign that the user has enough: the plugin writes its last records and says DONE. */
static void ask_to_stop(struct live *live, gint64 *deadline)
{
    struct link_control control = {.verb = LINK_CONTROL_END};

    *deadline = g_get_monotonic_time() + DETACH_MS * 1000;
    (void)send_control(live, &control, sizeof(control)); /* the deadline covers failures */
}

static enum session_end follow_ring(const struct session *session, struct ring_set *ring, struct live *live)
{
    struct drain d = {.outputs = 1};
    gint64 deadline = 0;

    for (;;) {
        /* Read before draining: what was written before the end is then in the ring. */
        int ended = __atomic_load_n(&live->ended, __ATOMIC_ACQUIRE);
        bool some = drain(session, ring, ended != LINK_OPEN, &d);

        if (d.broken) {
            cmd__say("the ring is not as a plugin leaves it: tracing ends here");
            return SESSION_REFUSED;
        }
        if (d.outputs == 0) {
            return SESSION_NO_OUTPUT;
        }
        if (!some && ended == LINK_SAID_NO) {
            return SESSION_UNFIT;
        }
        if (!some && ended != LINK_OPEN) {
            if (!d.summary) {
                (void)show_untold(session, ring, &d, d.last + 1, (uint64_t)g_get_real_time() * 1000u);
            }
            if (d.holes > 0 && !session->quiet) {
                cmd__say("%" G_GUINT64_FORMAT " records were not finished when the machine was cut off", d.holes);
            }
            return ended == LINK_SAID_DONE ? SESSION_DONE : SESSION_CUT;
        }
        if (session->detach && *session->detach && deadline == 0) {
            ask_to_stop(live, &deadline);
        }
        if (session->control) {
            control__poll(session->control, send_control, live);
        }
        if (deadline > 0 && g_get_monotonic_time() > deadline) {
            shutdown(session->sock, SHUT_RDWR); /* ends the link thread, and with it this loop */
        }
        if (!some) {
            show__tick(session->show);
            ring__release(ring);
            ring__wait(ring, IDLE_MS);
        }
    }
}

enum session_end session__run(const struct session *session)
{
    struct live live = {.session = session, .ended = LINK_OPEN, .lock = PTHREAD_MUTEX_INITIALIZER};
    enum session_end end;
    struct ring_set *ring = greet(session, &end);
    pthread_t thread;
    int status;

    if (!ring) {
        close(session->sock);
        return end;
    }
    status = link__send(session->sock, LINK_SETTINGS, session->settings, sizeof(*session->settings), -1);
    if (status == 0) {
        status = -pthread_create(&thread, NULL, link_thread, &live);
    }
    if (status < 0) {
        cmd__say("cannot answer the plugin: %s", g_strerror(-status));
        close(session->sock);
        ring__free(ring);
        return SESSION_REFUSED;
    }
    end = follow_ring(session, ring, &live);
    shutdown(session->sock, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(session->sock);
    ring__free(ring);
    return end;
}
