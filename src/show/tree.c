/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tree of all processes of a run, written when it has ended: as text, or as JSON where the file's name ends in
 * ".json". Who made whom is the kernel's own word at birth; a process that lost its parent later stays where it was.
 */
#include <string.h>
#include <time.h>

#include "show/deeds.h"
#include "show/exits.h"
#include "show/json.h"
#include "show/nt/nt.h"
#include "show/output.h"

#define NODES_MAX   (1u << 18)  /* processes; of those beyond only the number is told */
#define TEXT_MAX    (64u << 20) /* bytes of command lines in all; of those beyond the program's name is told */
#define COMMAND_MAX 4096u       /* of one command line */
#define INDENT_MAX  40u         /* levels; deeper ones are not set in any more */

struct node {
    uint64_t process; /* number of its first thread */
    struct node *next, *child, *last_child;
    uint64_t parent;
    int32_t pid, ppid;
    struct exits exits;
    uint32_t uid; /* the latest */
    char comm[33];
    bool born, exited, nt;
    uint64_t start_ns, end_ns;
    uint64_t calls, failed, programs; /* programs: how many it has run, one after the other */
    char *command;                    /* of the last one; NULL: none was seen */
    bool cut;
    uint64_t session;
    char *remote;
};

struct tree {
    struct stream *stream;
    bool json;
    GHashTable *nodes; /* process -> node */
    struct node roots; /* its children have no known parent */
    struct deed deed;
    size_t text;
    uint64_t left_out, lost;
    uint64_t first_ns, last_ns;
};

static void node_free(gpointer data)
{
    struct node *n = data;
    g_free(n->command);
    g_free(n->remote);
    g_free(n);
}

/* ---- gathering ---- */

static void hang_in(struct node *parent, struct node *n)
{
    if (parent->last_child)
        parent->last_child->next = n;
    else
        parent->child = n;
    parent->last_child = n;
}

static struct node *node_of(struct tree *tree, const struct model_thread *t, uint64_t ns)
{
    struct node *n = t && t->process ? g_hash_table_lookup(tree->nodes, &t->process) : NULL;
    if (n || !t || !t->process)
        return n;
    if (g_hash_table_size(tree->nodes) >= NODES_MAX)
        return NULL;
    n = g_new0(struct node, 1);
    n->process = t->process;
    n->parent = t->parent_process;
    n->pid = t->id.pid;
    n->start_ns = ns;
    n->born = t->id.why == QBK_THREAD_BORN;
    n->nt = model__is_nt(t);
    g_hash_table_insert(tree->nodes, &n->process, n);
    struct node *parent = n->parent ? g_hash_table_lookup(tree->nodes, &n->parent) : NULL;
    hang_in(parent && parent != n ? parent : &tree->roots, n);
    return n;
}

/* Who it is by now, and where it came from. */
static void refresh(struct node *n, const struct model_thread *t)
{
    const struct model_session *session = model__session(t);
    n->ppid = t->id.ppid;
    n->uid = t->id.uid;
    if (t->id.tid == t->id.pid || !n->comm[0])
        memcpy(n->comm, t->comm, sizeof(n->comm));
    if (session && n->session != session->number) {
        n->session = session->number;
        g_free(n->remote);
        n->remote = g_strdup(session->remote);
    }
}

static void ran(struct tree *tree, struct node *n, const struct deed *d)
{
    size_t len = MIN(d->text->len, COMMAND_MAX), before = n->command ? strlen(n->command) : 0;
    n->programs++;
    g_clear_pointer(&n->command, g_free);
    tree->text -= before;
    n->cut = d->cut || len < d->text->len;
    if (tree->text + len > TEXT_MAX)
        return;
    n->command = g_strndup(d->text->str, len);
    tree->text += strlen(n->command);
}

static void record_comes(struct tree *tree, const struct model_event *e)
{
    struct node *n;
    if (e->rec->type == QBK_GAP)
        tree->lost += ((const struct qbk_gap *)e->rec)->records;
    if (!e->thread || (e->rec->type != QBK_THREAD && e->rec->type != QBK_THREAD_EXIT))
        return;
    n = node_of(tree, e->thread, e->rec->time_ns);
    if (!n) {
        tree->left_out += e->process == PROCESS_STARTS;
        return;
    }
    refresh(n, e->thread);
    if (e->process == PROCESS_EXECS && deed__event(&tree->deed, e))
        ran(tree, n, &tree->deed);
    if (e->process != PROCESS_EXITS)
        return;
    n->exited = true;
    n->end_ns = e->rec->time_ns;
    n->exits = exits__process(e);
}

static void call_ends(struct tree *tree, const struct model_event *e)
{
    struct node *n = node_of(tree, e->thread, e->rec->time_ns);
    uint32_t code;
    if (!n)
        return;
    refresh(n, e->thread);
    n->calls++;
    if (e->call->ret && (e->call->ret->flags & QBK_RETURN_HAS_RESULT) && model__is_error(e->call, &code))
        n->failed++;
    if (deed__event(&tree->deed, e) && tree->deed.kind == DEED_EXEC && tree->deed.done)
        ran(tree, n, &tree->deed);
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct tree *tree = out->state;
    (void)error;
    if (!tree->first_ns)
        tree->first_ns = e->rec->time_ns;
    tree->last_ns = MAX(tree->last_ns, e->rec->time_ns);
    if (!passed)
        return 0;
    if (e->type == EVENT_RECORD)
        record_comes(tree, e);
    else if (e->type == EVENT_CALL)
        call_ends(tree, e);
    return 0;
}

/* ---- writing ---- */

/* "02:33:59.123", and with the date "2026-11-25 02:33:59.123". */
static void print_time(GString *to, uint64_t ns, bool date)
{
    time_t second = (time_t)(ns / 1000000000u);
    char text[32];
    struct tm tm;
    gmtime_r(&second, &tm);
    strftime(text, sizeof(text), date ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &tm);
    g_string_append_printf(to, "%s.%03u", text, (unsigned)(ns % 1000000000u / 1000000u));
}

static void print_end(GString *to, const struct node *n)
{
    g_string_append(to, ", ");
    if (n->exited)
        exits__text(to, &n->exits);
    else
        g_string_append(to, "still there");
}

static void print_node(GString *to, const struct node *n, unsigned depth)
{
    const char *what = n->command ? n->command : n->comm;
    for (unsigned i = 0; i < MIN(depth, INDENT_MAX); i++)
        g_string_append(to, "  ");
    g_string_append_printf(to, "%d ", n->pid);
    if (n->nt)
        nt__name(to, what, strlen(what), "");
    else
        print__safe(to, what, strlen(what));
    if (n->command && n->cut)
        g_string_append(to, " ...");
    g_string_append(to, "  [");
    if (n->uid != UINT32_MAX)
        g_string_append_printf(to, "uid %u, ", n->uid);
    if (!n->born)
        g_string_append(to, "before ");
    print_time(to, n->start_ns, false);
    if (n->exited) {
        g_string_append(to, " to ");
        print_time(to, n->end_ns, false);
    }
    print_end(to, n);
    g_string_append_printf(to, ", %" G_GUINT64_FORMAT " calls, %" G_GUINT64_FORMAT " failed", n->calls, n->failed);
    if (n->programs > 1)
        g_string_append_printf(to, ", %" G_GUINT64_FORMAT " programs", n->programs);
    if (n->session)
        g_string_append_printf(to, ", session %" G_GUINT64_FORMAT " from %s", n->session, n->remote);
    g_string_append(to, "]\n");
}

static void json_node(GString *to, const struct node *n)
{
    g_string_append_printf(to, "{\"process\":%" G_GUINT64_FORMAT, n->process);
    if (n->parent)
        json__key_uint(to, "parent", n->parent);
    json__key_int(to, "pid", n->pid);
    json__key_int(to, "ppid", n->ppid);
    if (n->uid != UINT32_MAX)
        json__key_uint(to, "uid", n->uid);
    json__key_text(to, "comm", n->comm, strlen(n->comm));
    if (n->command)
        json__key_text(to, "command", n->command, strlen(n->command));
    if (n->command && n->cut)
        json__key_true(to, "command_cut");
    json__key_time(to, n->born ? "start" : "seen", n->start_ns);
    if (n->exited)
        json__key_time(to, "end", n->end_ns);
    if (n->exited && n->exits.signal)
        json__key_word(to, "signal", n->exits.signal);
    else if (n->exited && n->exits.known)
        json__key_uint(to, "exit", n->exits.code);
    json__key_uint(to, "programs", n->programs);
    json__key_uint(to, "calls", n->calls);
    json__key_uint(to, "failed", n->failed);
    if (n->session) {
        json__key_uint(to, "session", n->session);
        json__key_word(to, "remote", n->remote);
    }
    g_string_append_c(to, '}');
}

static int write_nodes(struct tree *tree, GError **error)
{
    GString *to = stream__buffer(tree->stream);
    g_autoptr(GPtrArray) stack = g_ptr_array_new(); /* of those whose next one is still to come: no recursion */
    const struct node *n = tree->roots.child;
    bool first = true;
    while (n || stack->len) {
        if (!n) {
            n = ((const struct node *)g_ptr_array_steal_index(stack, stack->len - 1))->next;
            continue;
        }
        if (tree->json) {
            g_string_append(to, first ? "\n" : ",\n");
            json_node(to, n);
        } else {
            print_node(to, n, stack->len);
        }
        first = false;
        if (stream__flush(tree->stream, false, error) != 0)
            return -1;
        if (n->child) {
            g_ptr_array_add(stack, (gpointer)(uintptr_t)n);
            n = n->child;
        } else {
            n = n->next;
        }
    }
    return 0;
}

static int write_text(struct tree *tree, GError **error)
{
    GString *to = stream__buffer(tree->stream);
    g_string_append(to, "from ");
    print_time(to, tree->first_ns, true);
    g_string_append(to, " to ");
    print_time(to, tree->last_ns, true);
    g_string_append_printf(to, " UTC: %u processes\n", g_hash_table_size(tree->nodes));
    if (write_nodes(tree, error) != 0)
        return -1;
    if (tree->left_out)
        g_string_append_printf(to, "and %" G_GUINT64_FORMAT " more processes, for which there was no room\n",
                               tree->left_out);
    if (tree->lost)
        g_string_append_printf(to, "%" G_GUINT64_FORMAT " records were lost: something may be missing\n", tree->lost);
    return 0;
}

static int write_json(struct tree *tree, GError **error)
{
    GString *to = stream__buffer(tree->stream);
    g_string_append(to, "{\"version\":1");
    json__key_time(to, "start", tree->first_ns);
    json__key_time(to, "end", tree->last_ns);
    json__key_uint(to, "left_out", tree->left_out);
    json__key_uint(to, "lost", tree->lost);
    g_string_append(to, ",\"processes\":[");
    if (write_nodes(tree, error) != 0)
        return -1;
    g_string_append(to, "\n]}\n");
    return 0;
}

static int on_open(struct output *out, const char *where, int fallback_fd, GError **error)
{
    struct tree *tree = g_new0(struct tree, 1);
    out->state = tree;
    deed__init(&tree->deed);
    tree->nodes = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, node_free);
    tree->json = g_str_has_suffix(where, ".json");
    tree->stream = stream__open(where, fallback_fd, error);
    return tree->stream ? 0 : -1;
}

static int on_finish(struct output *out, GError **error)
{
    struct tree *tree = out->state;
    int status = 0;
    if (tree->stream && tree->first_ns && !out->failed)
        status = tree->json ? write_json(tree, error) : write_text(tree, error);
    if (tree->stream && stream__close(tree->stream, status == 0 ? error : NULL) != 0)
        status = -1;
    deed__clear(&tree->deed);
    g_hash_table_destroy(tree->nodes);
    g_free(tree);
    return status;
}

static const char *const calls[] = {"execve", "execveat", "NtCreateUserProcess", NULL};

const struct output_ops output_tree = {.kind = "tree",
                                       .help = "the tree of all processes, at the end; JSON if FILE ends in .json",
                                       .wants = OUTPUT_WANTS_ALL | OUTPUT_WANTS_OBJECTS,
                                       .open = on_open,
                                       .event = on_event,
                                       .finish = on_finish,
                                       .calls = calls};
