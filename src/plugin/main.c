/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's entry point. Arguments, as QEMU hands them over ("-plugin file=libqebek-4.so,fd=5"):
 *   fd=N         a connected UNIX stream socket to the qebek process
 *   socket=PATH  make a socket there and wait for readers while the machine runs
 *   probe=on     tell what this QEMU is, and refuse to load
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/linux/linux.h"
#include "guest/nt/nt.h"
#include "guest/watch.h"
#include "plugin/plugin.h"
#include "vm/qemu_api.h"

struct plugin plugin = {.sock = -1,
                        .listener = -1,
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .answered = PTHREAD_COND_INITIALIZER,
                        .guest = {.on_gone = functions_nt__on_gone,
                                  .raw_lock = PTHREAD_MUTEX_INITIALIZER,
                                  .host_ring = PTHREAD_MUTEX_INITIALIZER,
                                  .io_lock = PTHREAD_MUTEX_INITIALIZER,
                                  .objects.lock = PTHREAD_MUTEX_INITIALIZER}};

__attribute__((visibility("default"))) extern int qemu_plugin_version;
int qemu_plugin_version = QEBEK_QEMU_API;

static void *on_cpu_new(struct vm_cpu *vm)
{
    struct guest_cpu *cpu = &plugin.guest.cpu[vm->index];
    cpu->vm = vm;
    cpu->guest = &plugin.guest;
    vm__set_pending(vm, plugin.guest.phase == GUEST_LOOKING || plugin.guest.phase == GUEST_RAW ||
                            plugin.guest.phase == GUEST_NT);
    functions_shared__on_cpu();
    link_plugin__serve();
    return cpu;
}

/* What the code of the thread that runs here has to know before a probe's event changes anything. */
static void code_before(struct guest_cpu *cpu, unsigned probe)
{
    if (!(cpu->watched & LINK_WATCH_INSNS))
        return;
    if (probe == LINUX_PROBE_SWITCH_TO)
        code__leaves(cpu);
    else if (probe == LINUX_PROBE_SIGNAL_WORK)
        code__on_signal(cpu, vm__reg(cpu->vm, VM_RDI));
    else if (probe == LINUX_PROBE_DO_EXIT)
        code__over(cpu);
}

static void code_after(struct guest_cpu *cpu, unsigned probe)
{
    watch__follow(cpu);
    if (probe == LINUX_PROBE_SWITCH_TO && (cpu->watched & LINK_WATCH_INSNS))
        code__comes(cpu);
    else if (cpu->thread && guest__of(cpu->thread)->code.waits && !(cpu->watched & LINK_WATCH_INSNS))
        code__over(cpu);
}

static void on_probe(struct vm_cpu *vm, unsigned probe)
{
    struct guest_cpu *cpu = vm->owner;
    if (!cpu || __atomic_load_n(&plugin.guest.phase, __ATOMIC_ACQUIRE) != GUEST_LINUX)
        return;
    cpu->now = vm__now(cpu->vm);
    switch (probe) {
    case LINUX_PROBE_DO_SYSCALL_64:
    case LINUX_PROBE_DO_INT80:
    case LINUX_PROBE_DO_FAST_32:
        entry__resume(cpu);
        break;
    case LINUX_PROBE_KEXEC:
        session__on_reset(vm);
        break;
    default:
        if (probe == LINUX_PROBE_FREE_TASK || probe == LINUX_PROBE_WAKE_UP_NEW) /* the latter reuses one */
            functions__on_gone(cpu, vm__reg(vm, VM_RDI));
        code_before(cpu, probe);
        linux__event_begins(cpu, false);
        linux__probe(cpu, (enum linux_probe)probe);
        linux__event_ends(cpu);
        code_after(cpu, probe);
        if (probe == LINUX_PROBE_SWITCH_TO)
            functions__switched(cpu);
        if (probe == LINUX_PROBE_SWITCH_TO || probe == LINUX_PROBE_MMAP)
            functions_user__look_again(cpu);
        break;
    }
}

static bool is_nt(const struct vm_cpu *vm)
{
    return vm->owner && __atomic_load_n(&plugin.guest.phase, __ATOMIC_ACQUIRE) == GUEST_NT;
}

static void on_function(struct vm_cpu *vm, uint32_t index)
{
    if (is_nt(vm))
        functions_nt__on_entry(vm->owner, index);
    else
        functions__on_entry(vm, index);
}

static void on_function_return(struct vm_cpu *vm, uint64_t pc)
{
    if (is_nt(vm))
        functions_nt__on_return(vm->owner, pc);
    else
        functions__on_return(vm, pc);
}

static void on_function_call(struct vm_cpu *vm, uint64_t ret)
{
    if (is_nt(vm))
        functions_nt__on_call(vm->owner, ret);
    else
        functions__on_call(vm);
}

static void on_page_table(struct vm_cpu *vm)
{
    struct guest_cpu *cpu = vm->owner;
    if (cpu && __atomic_load_n(&plugin.guest.phase, __ATOMIC_ACQUIRE) == GUEST_NT)
        nt__on_page_table(cpu);
}

static void on_block(struct vm_cpu *vm, struct vm_block *block, unsigned page_offset, unsigned n)
{
    struct guest_cpu *cpu = vm->owner;
    if (!cpu || !cpu->thread || __atomic_load_n(&plugin.guest.phase, __ATOMIC_ACQUIRE) != GUEST_LINUX)
        return;
    if (cpu->watched & LINK_WATCH_INSNS)
        code__on_block(cpu, block, page_offset, n);
}

static void on_exit_(void)
{
    session__end(QBK_END_IN_FLIGHT, true);
    plugin.guest.phase = GUEST_ENDED;
    link_plugin__done();
    link_plugin__unlisten();
}

/* Where the command line did not tell. The machine runs on, untraced. */
static void on_blind(void)
{
    plugin.blind = true;
    plugin.guest.phase = GUEST_ENDED;
    (void)link_plugin__refuse(PLUGIN_BLIND);
}

static const struct vm_events events = {
    .cpu_new = on_cpu_new,
    .entry = entry__on_entry,
    .leave = leave__on_leave,
    .page_table = on_page_table,
    .probe = on_probe,
    .block = on_block,
    .function = on_function,
    .function_return = on_function_return,
    .function_call = on_function_call,
    .user_function = functions__on_user_function,
    .user_return = functions__on_user_return,
    .kernel = lookout__on_kernel,
    .attention = session__on_attention,
    .reset = session__on_reset,
    .renewed = session__on_renewed,
    .restore = session__on_restore,
    .blind = on_blind,
    .exit = on_exit_,
};

static int tell_probe(const qemu_info_t *info)
{
    char line[128];
    int n = snprintf(line, sizeof(line), "qebek-probe api=%d min=%d cur=%d target=%s\n", QEBEK_QEMU_API,
                     info->version.min, info->version.cur, info->target_name);
    if (n > 0 && write(STDOUT_FILENO, line, (size_t)n) != n)
        return -1;
    return -1; /* QEMU takes that for a refusal and ends */
}

static int refuse(const char *what)
{
    fprintf(stderr, "qebek: %s\n", what);
    return -1;
}

/* QEMU ends now. The reader has the reason and says it; QEMU's own words about it would only be noise. */
static void hush(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDERR_FILENO);
        close(null);
    }
}

static int start_session(int fd)
{
    int err = link_plugin__handshake(fd);
    if (err) {
        fprintf(stderr, "qebek: the qebek process does not answer: %s\n", strerror(-err));
        return -1;
    }
    plugin.sock = fd;
    char why[LINK_REFUSED_MAX];
    const char *blind = vm__blind_why(plugin.n_cpus);
    if (blind)
        snprintf(why, sizeof(why), "%s", blind);
    else if (session__begin(why, sizeof(why)) == 0)
        return 0;
    if (link_plugin__refuse(why))
        hush();
    else
        refuse(why);
    return -1;
}

static int set_up(const qemu_info_t *info)
{
    int max = info->system.max_vcpus;
    if (max < 1 || (unsigned)max >= RING_COUNT_MAX)
        return refuse("this machine has more vCPUs than qebek can trace (1024)");
    plugin.n_cpus = plugin.guest.n_cpus = (unsigned)max;
    size_t size = sizeof(struct guest_cpu) * (unsigned)max;
    plugin.guest.cpu = aligned_alloc(64, (size + 63) & ~(size_t)63);
    plugin.guest.calls = calls__new((unsigned)max, sizeof(struct guest_thread));
    if (!plugin.guest.cpu || !plugin.guest.calls)
        return refuse("not enough memory");
    memset(plugin.guest.cpu, 0, size);
    return 0;
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                                               char **argv);

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    struct vm_plan plan = {0};
    const char *path = NULL;
    int fd = -1;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "probe=on") == 0)
            return tell_probe(info);
        if (strncmp(argv[i], "fd=", 3) == 0)
            fd = atoi(argv[i] + 3);
        else if (strncmp(argv[i], "socket=", 7) == 0)
            path = argv[i] + 7;
        else
            return refuse("the plugin takes fd=N or socket=PATH; let 'qebek run' or 'qebek plugin' make its arguments");
    }
    if (!info->system_emulation || strcmp(info->target_name, "x86_64") != 0)
        return refuse("only x86-64 machines (qemu-system-x86_64) can be traced");
    if ((fd < 0) == (path == NULL))
        return refuse("the plugin takes either fd=N or socket=PATH");
    if (set_up(info) != 0)
        return -1;
    const char *blind = path ? vm__blind_why(plugin.n_cpus) : NULL;
    if (blind)
        return refuse(blind);
    if (path) {
        int err = link_plugin__listen(path);
        if (err) {
            fprintf(stderr, "qebek: cannot make the socket '%s': %s\n", path,
                    err == -EADDRINUSE ? "another machine listens there" : strerror(-err));
            return -1;
        }
    } else {
        plan.entries = plan.returns = plan.looking = plan.page_tables = true;
    }
    if (vm__start(id, plugin.n_cpus, &events, &plan) != 0)
        return refuse("QEMU lacks something that qebek needs, or not enough memory");
    return fd >= 0 ? start_session(fd) : 0;
}
