/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/nt/image.h"

#include <string.h>

#define IMAGE_MAX   (64u << 20)
#define MAGIC_WIDE  0x20bu
#define EXPORTS_32  96u /* the export directory's place, in the optional header */
#define EXPORTS_64  112u
#define EXPORT_NAME 12u
#define OPTIONAL    24u /* the optional header, from the signature on */
#define SIZE_OF     56u /* SizeOfImage, in the optional header */

static bool read_32(struct guest_cpu *cpu, uint64_t at, uint32_t *out)
{
    return vm__read_exact(cpu->vm, at, out, sizeof(*out));
}

/* Where the signature is, from the image's start on; 0: there is no image. */
static uint32_t header_of(struct guest_cpu *cpu, uint64_t base)
{
    uint8_t mz[64], pe[4];
    uint32_t at;
    if (!vm__read_exact(cpu->vm, base, mz, 2) || mz[0] != 'M' || mz[1] != 'Z' ||
        !vm__read_exact(cpu->vm, base, mz, sizeof(mz)))
        return 0;
    memcpy(&at, mz + 0x3c, sizeof(at));
    if (at > NT_IMAGE_PAGE - OPTIONAL - SIZE_OF - 4 || !vm__read_exact(cpu->vm, base + at, pe, sizeof(pe)) ||
        memcmp(pe, "PE\0\0", 4) != 0)
        return 0;
    return at;
}

static uint32_t size_of(struct guest_cpu *cpu, uint64_t base)
{
    uint32_t size = 0, header = header_of(cpu, base);
    if (!header || !read_32(cpu, base + header + OPTIONAL + SIZE_OF, &size))
        return 0;
    return size >= NT_IMAGE_PAGE && size <= IMAGE_MAX ? size : 0;
}

bool nt_image__around(struct guest_cpu *cpu, uint64_t address, unsigned back, struct nt_module *image)
{
    uint64_t at = address & ~(uint64_t)(NT_IMAGE_PAGE - 1);
    for (unsigned i = 0; i < back && at >= NT_IMAGE_PAGE; i++, at -= NT_IMAGE_PAGE) {
        uint32_t size = size_of(cpu, at);
        if (size && address - at < size) {
            *image = (struct nt_module){at, at + size};
            return true;
        }
    }
    return false;
}

size_t nt_image__name(struct guest_cpu *cpu, uint64_t start, char name[NT_IMAGE_NAME_MAX])
{
    uint32_t header = header_of(cpu, start), exports = 0, at = 0;
    uint16_t magic = 0;
    if (!header || !vm__read_exact(cpu->vm, start + header + OPTIONAL, &magic, sizeof(magic)))
        return 0;
    uint64_t directory = start + header + OPTIONAL + (magic == MAGIC_WIDE ? EXPORTS_64 : EXPORTS_32);
    if (!read_32(cpu, directory, &exports) || exports == 0 || !read_32(cpu, start + exports + EXPORT_NAME, &at) ||
        at == 0)
        return 0;
    return strnlen(name, vm__read(cpu->vm, start + at, name, NT_IMAGE_NAME_MAX));
}
