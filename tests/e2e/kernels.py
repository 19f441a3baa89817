# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel images as ELF files, which lie in memory as they are, and what can be taken out of them."""
import os
import struct
import subprocess

from harness import BUILD, expect, script

FINDER = os.path.join(BUILD, 'tests', 'unit', 'guest', 'find-kernel')
UNPACKERS = {b'\x02\x21\x4c\x18': 'lz4', b'\x28\xb5\x2f\xfd': 'zstd', b'\xfd7zX': 'xz', b'\x1f\x8b\x08\x00': 'gzip'}


def vmlinux(path, suite):
    """The ELF image inside a bzImage (Documentation/arch/x86/boot.rst: payload_offset, payload_length)."""
    with open(script('guest-kernel', suite), 'rb') as f:
        image = f.read()
    sectors = image[0x1f1] or 4
    offset, length = struct.unpack_from('<II', image, 0x248)
    payload = image[(sectors + 1) * 512 + offset:][:length]
    tool = UNPACKERS[payload[:4]]
    out = f'{path}/vmlinux'
    with open(out, 'wb') as f:  # the last four bytes of the payload are the size of what it holds
        subprocess.run([tool, '-dc'], input=payload[:-4], stdout=f, check=True)
    return out


def take_btf(image):
    """The BTF of the kernel (the largest blob), and the image without it."""
    data = bytearray(image)
    best, at = (0, 0), -1
    while (at := data.find(b'\x9f\xeb\x01\x00\x18\x00\x00\x00', at + 1)) >= 0:
        _, strings, length = struct.unpack_from('<III', data, at + 12)
        if best[1] < 24 + strings + length < 64 << 20:
            best = (at, 24 + strings + length)
    at, size = best
    expect(size > 1 << 20, 'the kernel has no BTF to be taken')
    btf = bytes(data[at:at + size])
    data[at:at + size] = bytes(size)
    return btf, bytes(data)


def without_symbols(image):
    """The image without the token table of its kallsyms: no symbol can be read."""
    digits = b''.join(b'%d\0' % i for i in range(10))
    expect(digits in image, 'the kernel has no kallsyms to be taken')
    return image.replace(digits, bytes(len(digits)))


def symbol_map(path):
    """What the System.map of this ELF image has."""
    return subprocess.run([FINDER, path, 'map'], stdout=subprocess.PIPE, check=True).stdout
