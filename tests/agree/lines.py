# SPDX-License-Identifier: GPL-2.0-or-later
"""What a line of a strace log says: which call, which result. Only as much as comparing needs."""
import collections
import re

# kind: call, signal, end (+++), superseded (+++ superseded by execve), other.
# name: the call's, the signal's; result: the number (however it is written) and the error's name, or None.
Line = collections.namedtuple('Line', 'kind name result text')

UNKNOWN = '???'  # strace could not read the registers
CALL = re.compile(r'(?:<\.\.\. )?([a-z_][a-z0-9_]*|syscall_0x[0-9a-f]+|\?\?\?)(\(| resumed>)')
RESULT = re.compile(r'\) += (\? E[A-Z_]+|\?|0x[0-9a-f]+|-?[0-9]+ E[A-Z0-9]+|-?[0-9]+)')
# Calls that return nothing but 0 and errors; and those that return addresses.
ZERO_ONLY = frozenset('close fstat kill madvise mprotect munmap nanosleep clock_nanosleep rseq rt_sigaction rt_sigprocmask '
                      'sched_yield set_robust_list sigaltstack tgkill'.split())
ADDRESSES = frozenset(('brk', 'mmap'))
NO_ERROR = re.compile(r' = -1 \(errno [0-9]{5,}\)$')
# With -x, -i and the like something may stand before: not compared here.
SIGNAL = re.compile(r'--- (SIG[A-Z0-9_+]+|stopped by SIG[A-Z0-9_+]+) ')


def parse(text):
    if text.startswith('+++ '):
        kind = 'superseded' if text.startswith('+++ superseded') else 'end'
        return Line(kind, text[4:].split(' by ', 1)[0] if kind == 'superseded' else text, None, text)
    signal = SIGNAL.match(text)
    if signal:
        return Line('signal', signal.group(1), None, text)
    call = CALL.match(text)
    if not call:
        return Line('other', text[:20], None, text)
    # The last one: strings in arguments may hold anything.
    result = None
    for result in RESULT.finditer(text):
        pass
    return Line('call', call.group(1), value(result.group(1)) if result else None, text)


def value(text):
    number, space, error = text.partition(' ')
    if number.startswith('0x'):
        number = str(int(number, 16))
    elif number.startswith('0') and number.isdigit():  # modes
        number = str(int(number, 8))
    # Whether a register's value is shown with a sign is a matter of spelling.
    return str(int(number) % (1 << 64)) if not error and number.lstrip('-').isdigit() else number + space + error


# Differences that strace's own view explains. Anything else is ours to mend.
SECCOMP = 'a deadly signal that the kernel shows to no tracer (seccomp)'
DISPATCHED = 'a call that went to user dispatch: a tracer is told of the signal alone'
CUT_OFF = 'SIGKILL took the thread behind the end of its call, before strace could look at the result'
NOT_BEGUN = 'a call that the kernel did not begin any more, nor showed to strace, because of SIGKILL'
UNREAD = 'SIGKILL took the thread before strace could read which call it makes: strace writes ???()'
STALE = 'SIGKILL took the thread while strace looked at it: strace shows what it last read of another one'
HELD = 'SIGKILL took the thread while strace held a signal back: it never reached the program'
NEW_NAME = 'a call that this release of strace does not know'
X32 = 'a number with the x32 bit in a kernel without x32: strace names what x32 would have there'


def is_over(line):
    """The thread's life, or its number, ends here. Of the kernel's own accord that is always by SIGKILL: also for threads
    that another one's exit_group or execve takes."""
    return line is not None and line.kind in ('end', 'superseded')


def unseen(line, following):
    """Why strace cannot see this line of ours, or None. `following`: strace's next line, or None."""
    if not following:
        return None
    if line.kind == 'signal' and following.text.startswith(f'+++ killed by {line.name}'):
        return SECCOMP
    if line.kind != 'call' or line.result != '?':
        return None
    if 'si_code=SYS_USER_DISPATCH' in following.text:
        return DISPATCHED
    return NOT_BEGUN if is_over(following) else None


def unread(line):
    """Why strace's line is about no call that anybody could tell, or None."""
    return UNREAD if line.name == UNKNOWN and line.result in (None, '?') else None


def held(line, following):
    """Is this signal of strace's one that no program ever got?"""
    return line.kind == 'signal' and following is not None and following.text == '+++ killed by SIGKILL +++'


def stale(a, b):
    """strace asks what the thread does (PTRACE_GET_SYSCALL_INFO) while that dies, gets no answer, and takes the last one,
    which was about another thread: at the beginning of a call, whose end it then never sees, or at the end, where the
    other's number of a call, or result, stands for the result. Only what this call cannot return is taken for that: no
    number of an error is that large, and so on."""
    if a.result is None and a.text.endswith(' <unfinished ...>'):
        return b.result == '?'
    if a.name != b.name:
        return False
    number = int(a.result) if a.result and a.result.isdigit() else 0
    return (NO_ERROR.search(a.text) is not None or (a.name in ZERO_ONLY and number > 0 and b.result == '0') or
            (a.name in ADDRESSES and 0 < number < 4096) or
            (a.result != b.result and f'parent_tid=[{b.result}]' in a.text))  # clone: the line contradicts itself


def seen_otherwise(a, b, following):
    """Why strace's line a and ours b are the same all the same, or None. `following`: strace's next line."""
    if a.kind != 'call' or b.kind != 'call' or same(a, b):
        return None
    if unread(a) and b.result in (None, '?'):
        return UNREAD
    if is_over(following):
        if a.name == b.name and a.result == '?' and b.result not in (None, '?'):
            return CUT_OFF
        if stale(a, b):
            return STALE
    if a.result != b.result:
        return None
    if a.name.startswith('syscall_0x') and not b.name.startswith('syscall_0x'):
        return NEW_NAME
    return X32 if a.result == '-1 ENOSYS' and b.name.startswith('syscall_0x4000') and not a.name.startswith('syscall_0x') else None


def same(a, b):
    """The same thing happened: for calls name and result, for signals the signal, for ends the whole line."""
    return a.kind == b.kind and a.name == b.name and a.result == b.result


def read(path):
    with open(path, encoding='latin-1') as f:
        return [parse(line) for line in f.read().split('\n')[:-1]]  # the last one is empty, or was cut off


def lives(lines):
    """A number may have been given to several threads, one after the other: a list of lines for each of them."""
    found = [[]]
    for line in lines:
        found[-1].append(line)
        if line.kind == 'end':
            found.append([])
    return [life for life in found if life]
