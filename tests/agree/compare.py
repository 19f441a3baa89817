# SPDX-License-Identifier: GPL-2.0-or-later
"""strace's logs and ours of the same threads, line by line."""
import collections
import os

import lines
import reasons

WINDOW = 200  # so far is looked for the place where both logs agree again
EXAMPLES = 2


class Result:
    """Counts over any number of threads, and the differences by kind and name."""

    def __init__(self):
        self.threads = self.lines = self.found = self.extra = self.identical = 0
        self.differences = collections.Counter()  # (kind, name) → how many
        self.examples = collections.defaultdict(list)
        self.reasons = collections.Counter()  # differences that strace's own view explains
        self.explained = collections.Counter()  # reason → lines that say the same in other words
        self.shown = {}  # reason → (strace's line, ours)

    def differ(self, kind, name, theirs, ours):
        self.differences[kind, name] += 1
        examples = self.examples[kind, name]
        if len(examples) < EXAMPLES:
            examples.append((theirs.text if theirs else None, ours.text if ours else None))

    def explain(self, reason, theirs, ours):
        self.explained[reason] += 1
        self.shown.setdefault(reason, (theirs.text, ours.text))

    def add(self, other):
        for field in ('threads', 'lines', 'found', 'extra', 'identical'):
            setattr(self, field, getattr(self, field) + getattr(other, field))
        self.differences.update(other.differences)
        self.reasons.update(other.reasons)
        self.explained.update(other.explained)
        self.shown = {**other.shown, **self.shown}
        for key, examples in other.examples.items():
            self.examples[key] = (self.examples[key] + examples)[:EXAMPLES]

    def share(self):
        return 100 * self.identical / self.lines if self.lines else 0.0


def resynchronize(theirs, i, ours, j):
    """The nearest (i, j) from here on, fewest lines left out in both together, at which two lines in a row agree (or the
    last one of both)."""
    for skipped in range(1, WINDOW):
        for a in range(skipped + 1):
            x, y = i + a, j + skipped - a
            if x < len(theirs) and y < len(ours) and lines.same(theirs[x], ours[y]) and (
                    x + 1 == len(theirs) or (y + 1 < len(ours) and lines.same(theirs[x + 1], ours[y + 1]))):
                return x, y
    return None


def align(theirs, ours):
    """Pairs (line of strace, ours), with None where one of them has none. What we have before the first common line and
    after the last is left out: strace was not there yet, or not any more."""
    start = next((j for j, line in enumerate(ours) if lines.same(theirs[0], line)), None)
    if start is None:
        start = 0
    pairs = []
    i, j = 0, start
    while i < len(theirs):
        if j < len(ours) and lines.same(theirs[i], ours[j]):
            pairs.append((theirs[i], ours[j]))
            i, j = i + 1, j + 1
            continue
        place = resynchronize(theirs, i, ours, j)
        if place is None:  # nothing in reach: this one is missing, and on
            pairs.append((theirs[i], ours[j] if j < len(ours) and like(theirs, i, ours[j]) else None))
            if pairs[-1][1]:
                j += 1
            i += 1
            continue
        x, y = place
        # Of the lines left out those of the same name belong together: their result differs.
        while i < x or j < y:
            a = theirs[i] if i < x else None
            b = ours[j] if j < y else None
            if a and b and like(theirs, i, b):
                pairs.append((a, b))
                i, j = i + 1, j + 1
            elif a and (not b or x - i >= y - j):
                pairs.append((a, None))
                i += 1
            else:
                pairs.append((None, b))
                j += 1
    while pairs and pairs[-1][0] is None:
        pairs.pop()
    return pairs


def like(theirs, i, b):
    """Is b of ours about the same thing as strace's line i, though not told alike?"""
    a, following = theirs[i], theirs[i + 1] if i + 1 < len(theirs) else None
    return (a.kind, a.name) == (b.kind, b.name) or lines.seen_otherwise(a, b, following) is not None


def fits(theirs, ours):
    """How well two lives begin alike, 0 to 1: enough to tell threads of the same number apart."""
    pairs = align(theirs[:40], ours[:400])
    return sum(a is not None and b is not None and lines.same(a, b) for a, b in pairs) / max(len(pairs), 1)


def match_lives(theirs, ours):
    """For each of strace's lives ours, in the same order; [] where there is none."""
    matched, first = [], 0
    for index, life in enumerate(theirs):
        # Leave enough of ours for those still to come.
        last = max(len(ours) - (len(theirs) - index - 1), first + 1)
        candidates = [(fits(life, ours[k]), -k) for k in range(first, min(last, len(ours)))]
        if not candidates:
            matched.append([])
            continue
        _, k = max(candidates)
        matched.append(ours[-k])
        first = -k + 1
    return matched


def compare_life(theirs, ours, result):
    result.threads += 1
    result.lines += len(theirs)
    next_of_theirs = iter(theirs[1:] + [None])
    following = theirs[0]
    for a, b in align(theirs, ours):
        if a is not None:  # else strace's next line still is
            following = next(next_of_theirs)
        compare_lines(a, b, following, result)


def compare_lines(a, b, following, result):
    reason = lines.unseen(b, following) if a is None else lines.seen_otherwise(a, b, following) if b else None
    if a is None and reason:
        result.reasons[reason] += 1
    elif a is None:
        result.extra += 1
        result.differ('extra', b.name, None, b)
    elif b is None and lines.unread(a):
        result.found += 1
        result.reasons[lines.UNREAD] += 1
    elif b is None and lines.held(a, following):
        result.found += 1
        result.reasons[lines.HELD] += 1
    elif b is None:
        result.differ('missing', a.name, a, None)
    elif reason:
        result.found += 1
        result.reasons[reason] += 1
    elif not lines.same(a, b):
        result.differ('result', a.name, a, b)
    else:
        result.found += 1
        why = None if a.text == b.text else reasons.of(a.name, a.text, b.text)
        if a.text == b.text:
            result.identical += 1
        elif why:
            result.explain(why, a, b)
        else:
            result.differ('text', a.name, a, b)


def compare_threads(theirs, ours):
    """theirs, ours: thread's number → its lines."""
    result = Result()
    for tid in sorted(theirs):
        lives = lines.lives(theirs[tid])
        for a, b in zip(lives, match_lives(lives, lines.lives(ours.get(tid, [])))):
            compare_life(a, b, result)
    return result


def read_logs(folder, prefix=''):
    return {int(name[len(prefix):]): lines.read(os.path.join(folder, name)) for name in os.listdir(folder)
            if name.startswith(prefix) and name[len(prefix):].isdigit()}
