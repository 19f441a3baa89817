/* SPDX-License-Identifier: GPL-2.0-or-later */
/* struct perf_event_attr (linux/perf_event.h). */
#include "show/linux/forms.h"

#define FIRST_SIZE 64u /* of the first version */

enum { TYPE_HARDWARE, TYPE_SOFTWARE, TYPE_TRACEPOINT, TYPE_HW_CACHE, TYPE_RAW, TYPE_BREAKPOINT };

static void event_config(const struct where *w, uint32_t type, uint64_t config)
{
    TEXT(", config=");
    if (type == TYPE_HARDWARE && config >> 32)
        OUT("%#" PRIx64 "<<32|", config >> 32);
    if (type == TYPE_HARDWARE)
        print__enum(w->to, DECODE_SET_perf_hw, config & 0xffffffffu);
    else if (type == TYPE_SOFTWARE)
        print__enum(w->to, DECODE_SET_perf_sw, config);
    else if (type == TYPE_TRACEPOINT)
        OUT("%" PRIu64, config);
    else
        OUT("%#" PRIx64, config);
}

static const char *const bits[] = {"disabled",
                                   "inherit",
                                   "pinned",
                                   "exclusive",
                                   "exclude_user",
                                   "exclude_kernel",
                                   "exclude_hv",
                                   "exclude_idle",
                                   "mmap",
                                   "comm",
                                   "freq",
                                   "inherit_stat",
                                   "enable_on_exec",
                                   "task",
                                   "watermark",
                                   NULL,
                                   NULL,
                                   "mmap_data",
                                   "sample_id_all",
                                   "exclude_host",
                                   "exclude_guest",
                                   "exclude_callchain_kernel",
                                   "exclude_callchain_user",
                                   "mmap2",
                                   "comm_exec",
                                   "use_clockid",
                                   "context_switch",
                                   "write_backward",
                                   "namespaces",
                                   "ksymbol",
                                   "bpf_event",
                                   "aux_output",
                                   "cgroup",
                                   "text_poke",
                                   "build_id",
                                   "inherit_thread",
                                   "remove_on_exec",
                                   "sigtrap"};
static const char *const skid[] = {"arbitrary skid", "constant skid", "requested to have 0 skid", "must have 0 skid"};

static void flags(const struct where *w, uint64_t value)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(bits); i++) {
        if (i == 15)
            OUT(", precise_ip=%u /* %s */", (unsigned)(value >> 15 & 3), skid[value >> 15 & 3]);
        if (bits[i] && (w->o->verbose || (value >> i & 1)))
            OUT(", %s=%u", bits[i], (unsigned)(value >> i & 1));
    }
}

static void details(const struct where *w, const uint8_t *b, size_t size)
{
    uint64_t flag = form_u64(b + 40), type = form_u64(b + 24);
    bool breakpoint = form_u32(b) == TYPE_BREAKPOINT;
    OUT(flag >> 14 & 1 ? ", wakeup_watermark=%u" : ", wakeup_events=%u", form_u32(b + 48));
    OUT(breakpoint ? ", bp_addr=%#" PRIx64 : ", config1=%#" PRIx64, form_u64(b + 56));
    if (size >= 72)
        OUT(breakpoint ? ", bp_len=%" PRIu64 : ", config2=%#" PRIx64, form_u64(b + 64));
    if (size >= 80 && (type & 0x800))
        OUT(", branch_sample_type=%#" PRIx64, form_u64(b + 72));
    if (size >= 88)
        OUT(", sample_regs_user=%#" PRIx64, form_u64(b + 80));
    if (size >= 92 && (type & 0x2000))
        OUT(", sample_stack_user=%#x", form_u32(b + 88));
    if (size >= 96 && (flag >> 25 & 1)) {
        TEXT(", clockid=");
        print__enum(w->to, DECODE_SET_clock_ids, form_u32(b + 92));
    }
    if (size >= 104)
        OUT(", sample_regs_intr=%#" PRIx64, form_u64(b + 96));
    if (size >= 108)
        OUT(", aux_watermark=%u", form_u32(b + 104));
    if (size >= 110)
        OUT(", sample_max_stack=%u", (unsigned)form_u16(b + 108));
    if (size >= 116)
        OUT(", aux_sample_size=%u", form_u32(b + 112));
    if (size >= 128)
        OUT(", sig_data=%#" PRIx64, form_u64(b + 120));
}

FORM_POINTER(perf_event_attr)
{
    size_t have = 0;
    const uint8_t *b = print__memory(w, w->value, 136, &have);
    uint32_t told = b && have >= 8 ? form_u32(b + 4) : 0, size = told ? MIN(told, 136) : FIRST_SIZE;
    if (!b || size < FIRST_SIZE || have < size) {
        print__address(w->to, w->value);
        return;
    }
    TEXT("{type=");
    print__enum(w->to, DECODE_SET_perf_types, form_u32(b));
    TEXT(", size=");
    print__enum(w->to, DECODE_SET_perf_sizes, told);
    event_config(w, form_u32(b), form_u64(b + 8));
    OUT(form_u64(b + 40) >> 10 & 1 ? ", sample_freq=%" PRIu64 : ", sample_period=%" PRIu64, form_u64(b + 16));
    TEXT(", sample_type=");
    print__flags(w->to, DECODE_SET_perf_sample, form_u64(b + 24));
    TEXT(", read_format=");
    print__flags(w->to, DECODE_SET_perf_read_format, form_u64(b + 32));
    flags(w, form_u64(b + 40));
    if (w->o->verbose)
        details(w, b, size);
    else
        TEXT(", ...");
    TEXT("}");
}
