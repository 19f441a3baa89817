/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qebek doctor: is this host fit? One line for each thing, exit 1 if something needed is missing. Of a trace: was its
 * kernel found? */
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/confine.h"
#include "cmd/doctor_profile.h"
#include "cmd/doctor_trace.h"
#include "cmd/options.h"
#include "cmd/qemu.h"
#include "trace/ring.h"

#define DEFAULT_QEMU "qemu-system-x86_64"

static void line(const char *verdict, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void line(const char *verdict, const char *format, ...)
{
    va_list ap;

    printf("%-4s ", verdict);
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    printf("\n");
}

static bool check_plugins(void)
{
    bool any = false;

    for (int level = QEMU_API_OLDEST; level <= QEMU_API_NEWEST; level++) {
        g_autofree char *path = qemu__plugin_path(level);

        if (path) {
            line("ok", "qebek's plugin for QEMU's plugin API %d: %s", level, path);
            any = true;
        }
    }
    if (!any) {
        line("bad", "no plugin: libqebek-N.so is neither beside qebek nor where it was to be installed");
    }
    return any;
}

static bool check_qemu(const char *name)
{
    struct qemu qemu;
    bool fit;

    qemu__ask(name, &qemu);
    fit = !qemu.problem;
    if (fit) {
        line("ok", "%s: QEMU %s, plugin API %d, for %s machines", qemu.path, qemu.version ? qemu.version : "?",
             qemu.api, qemu.target);
        line("ok", "it loads %s", qemu.plugin);
    } else {
        line("bad", "%s", qemu.problem);
    }
    qemu__clear(&qemu);
    return fit;
}

static bool check_memory(void)
{
    int fd = memfd_create("qebek-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct sysinfo info;
    uint64_t free_bytes = 0;

    if (fd < 0) {
        line("bad", "memory files: memfd_create fails here, and the trace would go through one");
        return false;
    }
    close(fd);
    line("ok", "memory files (memfd_create): the trace goes through one");
    if (sysinfo(&info) == 0) {
        free_bytes = ((uint64_t)info.freeram + info.bufferram) * info.mem_unit;
    }
    line(free_bytes >= 4ull * RING_SIZE_DEFAULT ? "ok" : "note",
         "memory: %" PRIu64 " MiB free; the trace takes %u MiB for each virtual CPU", free_bytes >> 20,
         RING_SIZE_DEFAULT >> 20);
    return true;
}

static void check_confinement(void)
{
    unsigned means = confine__available();

    line(means & CONFINE_SECCOMP ? "ok" : "note", "seccomp: %s",
         means & CONFINE_SECCOMP ? "the reader is confined by it" : "not on this host");
    line(means & CONFINE_LANDLOCK ? "ok" : "note", "Landlock: %s",
         means & CONFINE_LANDLOCK ? "the reader is confined by it" : "not on this host; seccomp does most of it");
}

int cmd_doctor(const struct cmd *cmd, int argc, char **argv)
{
    struct options o;
    int first, status;
    bool fit;

    if (options__parse(cmd, argc, argv, &o, &first) == OPTIONS_EXIT) {
        status = o.status;
        options__clear(&o);
        return status;
    }
    if (o.btf_file || o.map_file) {
        options__clear(&o);
        return cmd__usage("only a symbol table of an NT kernel (FILE.json or FILE.json.xz) has something to compare");
    }
    if (o.isf_file && argc - first > 1) {
        options__clear(&o);
        return cmd__usage("one trace at a time: \"qebek doctor --profile FILE [TRACE]\"");
    }
    if (o.isf_file) {
        status = doctor_profile(o.isf_file, first < argc ? argv[first] : NULL);
        options__clear(&o);
        return status;
    }
    options__clear(&o);
    if (argc - first > 1) {
        return cmd__usage("one QEMU or trace at a time: \"qebek doctor [QEMU | TRACE]\"");
    }
    if (first < argc && doctor_trace__is(argv[first])) {
        return doctor_trace(argv[first]);
    }
    fit = check_plugins();
    fit = check_qemu(first < argc ? argv[first] : DEFAULT_QEMU) && fit;
    fit = check_memory() && fit;
    check_confinement();
    printf(fit ? "This host is fit.\n" : "This host is not fit: see the lines that say \"bad\".\n");
    return fit ? CMD_OK : CMD_FAILED;
}
