# SPDX-License-Identifier: GPL-2.0-or-later
"""Why a line of ours that tells the same call is not byte for byte strace's: one rule for each cause. A difference that
no rule fits is shown as one without a reason.

A rule has the names of the calls it is for (a regular expression), what strace writes and what we write where the two
lines differ (regular expressions for the whole of it; everything before and after is the same), and the reason."""
import re

TOKEN = re.compile(r'[A-Za-z_][A-Za-z0-9_]*|0x[0-9a-f]+|[0-9]+|"(?:[^"\\]|\\.)*"|.', re.S)
NAME = re.compile(r'[A-Z_][A-Z0-9_]{3,}')

NEWER = 'strace of bookworm is of Linux 6.1; the name is newer'
PERMISSION = ('the page may not be read by the program\'s own mapping (PROT_NONE, or written only), so a tracer is refused '
              'it; the kernel, or the processor, had the bytes')
LATE = 'strace looks at it after the call, and does not where that failed; we show what the kernel was given'
HALF = 'int $0x80 in 64-bit code: the kernel takes the lower half of the register, strace all of it'
UNDECODED = 'strace does not look into this struct'
KEPT = 'a longer list than the trace keeps of it (its numbers are the caller\'s, and may be made up)'
ABSENT = ('the words lie in a page that was not in memory yet: strace\'s look brings it in, qebek changes nothing in the '
          'guest, and after the call the program is another one')

# Names of constants that came after strace 6.1, which writes their bits or numbers.
NEWER_NAMES = re.compile(
    r'^(F_(GET|SET)_(FILE_)?RW_HINT|RWH_\w*|F_CREATED_QUERY|F_DUPFD_QUERY|RWF_(NOAPPEND|ATOMIC|DONTCACHE|NOSIGNAL)|'
    r'FAN_(REPORT_FD_ERROR|REPORT_MNT|PRE_ACCESS|MNT_ATTACH|MNT_DETACH)|MFD_(NOEXEC_SEAL|EXEC)|PIDFD_THREAD|'
    r'PIDFD_SIGNAL_\w+|MEMBARRIER_CMD_GET_REGISTRATIONS|LANDLOCK_ACCESS_FS_(TRUNCATE|IOCTL_DEV|RESOLVE_UNIX)|'
    r'LANDLOCK_RULE_NET_PORT|IORING_FEAT_(REG_REG_RING|RECVSEND_BUNDLE|MIN_TIMEOUT|RW_ATTR|NO_IOWAIT)|PR_(SET|GET)_MDWE|'
    r'STATX_(MNT_ID_UNIQUE|SUBVOL|WRITE_ATOMIC|DIO_READ_ALIGN)|MADV_GUARD_(INSTALL|REMOVE)|SCHED_EXT|MAP_DROPPABLE)$')


class Rule:
    """fits(name, theirs, ours): do the differing pieces of both lines have this cause?"""

    def __init__(self, reason, calls, theirs, ours):
        self.reason = reason
        self.calls, self.theirs, self.ours = (re.compile(text, re.S) for text in (calls, theirs, ours))

    def fits(self, name, theirs, ours):
        return bool(self.calls.fullmatch(name) and self.theirs.fullmatch(theirs) and self.ours.fullmatch(ours))


class NewerNames:
    """Ours has names in place of a number of strace's, all of them newer than it."""
    reason = NEWER

    @staticmethod
    def fits(_name, theirs, ours):
        known, named = set(NAME.findall(theirs.split('/*')[0])), set(NAME.findall(ours))
        return bool(named - known) and known <= named and bool(re.search(r'0x[0-9a-f]+|[0-9]', theirs)) and all(
            NEWER_NAMES.match(name) for name in named - known)


ADDRESS = r'0x[0-9a-f]{8,}'
STRING = r'"(?:[^"\\]|\\.)*"(?:\.\.\.)?'
RULES = [
    Rule(HALF, 'open|close|read|write', r'0xffffffff[0-9a-f]{8}', r'".*"'),
    Rule(LATE, 'epoll_pwait2?', ADDRESS, r'\[.*\]|\{.*\}'),
    Rule(UNDECODED, 'ustat', ADDRESS, r'\{f_tfree=\d+, f_tinode=\d+\}'),
    NewerNames,
    Rule(ABSENT, 'execve(at)?', f'{STRING}(, \\[?{STRING})*', r'0x[0-9a-f]+(, \[?0x[0-9a-f]+)*'),
    Rule(KEPT, r'ioctl|\w*(readv|writev)2?|vmsplice|execve(at)?', r'.+', r'(.*, )?\.\.\.( /\* 0x[0-9a-f]+( \*/)?)?'),
    Rule(KEPT, r'execve(at)?', r'\d+ vars(, unterminated)?', r'512 vars or more'),
    # Pages of stress-ng's sysbadaddr: the address is the page's first byte, or one of the next two.
    Rule(PERMISSION, '.*', r'0x7f[0-9a-f]{7}00[0-2](, 0x7f[0-9a-f]{7}00[0-2])*', r'[^x].*'),
]


def pieces(theirs, ours):
    """Where both differ, from the first token to the last that are not the same, without the padding."""
    a, b = TOKEN.findall(squeeze(theirs)), TOKEN.findall(squeeze(ours))
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    return ''.join(a[start:len(a) - end]), ''.join(b[start:len(b) - end])


def squeeze(text):
    return re.sub(r' +(= [^=]*)$', r' \1', text)


def of(name, theirs, ours):
    """The reason for two texts of one call, or None."""
    a, b = pieces(theirs, ours)
    return next((rule.reason for rule in RULES if rule.fits(name, a, b)), None)
