#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""html.py QEBEK MAKE_INTRUSION: the page of a run in a headless Chromium, from disk."""
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from nats_client import free_port

QEBEK, MAKE = sys.argv[1:]
MANY = 1_000_000
SCRIPT = "</script><script>document.title='owned'</script><img src=x onerror=document.title='owned'>"


def expect(good, text):
    if not good:
        raise AssertionError(text)


class Browser:
    """Chromium, driven by chromedriver over WebDriver's own protocol."""

    def __init__(self, path):
        self.port = free_port()
        self.log = open(f'{path}/driver.log', 'wb')
        self.driver = subprocess.Popen(['chromedriver', f'--port={self.port}'], stdin=subprocess.DEVNULL, stdout=self.log,
                                       stderr=self.log)
        self.wait('chromedriver', lambda: self.call('GET', '/status')['ready'])
        options = {'binary': '/usr/bin/chromium', 'args': [
            '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', f'--user-data-dir={path}/profile',
            '--window-size=1200,900']}
        answer = self.call('POST', '/session', {'capabilities': {'alwaysMatch': {
            'goog:chromeOptions': options, 'goog:loggingPrefs': {'browser': 'ALL'},
            'timeouts': {'pageLoad': 240000, 'script': 120000}}}})
        self.session = f'/session/{answer["sessionId"]}'

    def call(self, method, path, body=None):
        request = urllib.request.Request(f'http://127.0.0.1:{self.port}{path}', method=method,
                                         data=json.dumps(body or {}).encode() if method == 'POST' else None)
        try:
            with urllib.request.urlopen(request, timeout=250) as answer:
                return json.load(answer)['value']
        except urllib.error.HTTPError as error:
            raise AssertionError(f'{path}: {error.read().decode()[:500]}') from None

    @staticmethod
    def wait(what, condition, limit=120):
        until = time.monotonic() + limit
        while True:
            try:
                if condition():
                    return
            except OSError:
                pass
            expect(time.monotonic() < until, f'{what}: not within {limit} s')
            time.sleep(0.1)

    def open(self, path):
        self.call('POST', f'{self.session}/url', {'url': f'file://{path}'})
        self.wait('the page', lambda: self.run('return document.documentElement.dataset.ready') == 'yes')

    def run(self, script, *args):
        return self.call('POST', f'{self.session}/execute/sync', {'script': script, 'args': list(args)})

    def errors(self):
        return [m['message'] for m in self.call('POST', f'{self.session}/se/log', {'type': 'browser'})
                if m['level'] == 'SEVERE']

    def screenshot(self, path):
        import base64
        with open(path, 'wb') as f:
            f.write(base64.b64decode(self.call('GET', f'{self.session}/screenshot')))

    def close(self):
        try:
            self.call('DELETE', self.session)
        finally:
            self.driver.terminate()
            self.driver.wait()
            self.log.close()


def make(path, trace):
    done = subprocess.run([QEBEK, 'read', '--output', f'html:{path}', trace], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=300)
    expect(done.returncode == 0 and done.stdout + done.stderr == '', f'{done}')
    left = [name for name in os.listdir(os.path.dirname(path)) if name.startswith(f'{os.path.basename(path)}.')]
    expect(not left, f'left behind: {left}')


def view(browser, name, words=''):
    """Look at a view with these words searched for: the text of its rows."""
    return browser.run('''
        const search = document.getElementById('search');
        document.querySelector(`nav button[data-view="${arguments[0]}"]`).click();
        search.value = arguments[1];
        search.dispatchEvent(new Event('input'));
        const section = document.querySelector(`section[data-view="${arguments[0]}"]`);
        return [...section.querySelectorAll('tbody tr, li summary, li:not(:has(ul)), .lane, .player')].map((n) => n.textContent);
    ''', name, words)


def no_markup(browser):
    """Nothing of the guest became a part of the page: no element, no script, no title, no request."""
    expect(browser.run('return document.title') == 'qebek', 'a script of the guest has run')
    expect(browser.run('return document.scripts.length') == 3, 'a script more than the page has')
    expect(browser.run('return document.querySelectorAll("img, iframe, object, embed, base, form").length') == 0, 'markup')
    other = browser.run('return performance.getEntriesByType("resource").map((e) => e.name)')
    expect([n for n in other if not n.startswith(('data:', 'blob:'))] == [], f'requests: {other}')


def test_page(browser, path):
    browser.open(f'{path}/run.html')
    evil = 'evil\\033[31m\\n\\377\\\\' + SCRIPT
    rows = view(browser, 'Commands')
    expect(len(rows) == 6 and 'wget' in rows[1] and SCRIPT.replace("'", "'\\\\''") in rows[1], f'{rows}')
    expect('203.0.113.9:50022' in rows[0] and 'ENOENT' in rows[1], f'{rows}')
    expect(len(view(browser, 'Commands', 'DROPPED it')) == 1, 'search for words')
    expect(view(browser, 'Commands', 'no such word') == [], 'search for nothing')
    rows = view(browser, 'Typed')
    expect(len(rows) == 1 and 'whoami </script>\\342\\200\\256' in rows[0], f'{rows}')
    rows = view(browser, 'Files')
    expect(len(rows) == 6 and evil in rows[0], f'{rows}')
    expect(len(view(browser, 'Files', '/etc/passwd')) == 1, 'search for a path')
    rows = view(browser, 'Caught')
    sha256 = hashlib.sha256(b'#!/bin/sh <b>\n').hexdigest()
    expect(len(rows) == 2 and any(evil in row and hashlib.sha256(b'').hexdigest() in row for row in rows), f'{rows}')
    rows = view(browser, 'Caught', sha256[:12])
    expect(len(rows) == 1 and all(word in rows[0] for word in (sha256, '/root/dropped', '101 ', '198.51.100.7:80', 'executed, deleted'))
           and 'incomplete' not in rows[0], f'{rows}')
    for words, count in ((sha256[:12], 1), ('198.51.100.7 dropped', 1), ('executed', 1), ('incomplete', 0)):
        expect(len(view(browser, 'Caught', words)) == count, f'search for {words} among the files')
    rows = view(browser, 'Connections')
    expect(len(rows) == 3 and '203.0.113.9' in rows[0], f'{rows}')
    tree = view(browser, 'Tree')
    expect(len(tree) == 4 and '101 ./dropped' in tree[1] and 'exit 3' in tree[1], f'{tree}')
    expect(len(view(browser, 'Tree', 'nonsense')) == 0 and len(view(browser, 'Tree', '102')) == 3, 'search in the tree')
    expect(len(view(browser, 'Timeline')) == 4, 'timeline')
    expect(any(row.startswith('execve') for row in view(browser, 'Calls')), 'calls')
    no_markup(browser)
    expect(browser.errors() == [], f'{browser.errors()}')


def test_session(browser, path):
    browser.open(f'{path}/run.html')
    expect(len(view(browser, 'Sessions')) == 1, 'sessions')
    browser.run('document.querySelector(\'section[data-view="Sessions"] button\').click()')
    text = 'return document.querySelector(".ap-term, .ap-terminal").textContent'
    browser.wait('the session', lambda: "<img src=x onerror=document.title='owned'>" in
                 browser.run('const t = document.querySelector(".ap-term, .ap-terminal"); return t ? t.textContent : ""'))
    expect('dropped \u00e9' in browser.run(text), browser.run(text))
    no_markup(browser)
    expect(browser.errors() == [], f'{browser.errors()}')


def test_million(browser, path):
    """A run of a million calls is a small page."""
    expect(os.path.getsize(f'{path}/run.html') < 1 << 20, f'{os.path.getsize(f"{path}/run.html")} bytes')
    rows = view(browser, 'Calls', 'write')
    expect(any(f'{MANY + 1}' in row for row in rows), f'{rows}')


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as path:
        subprocess.run([MAKE, f'{path}/t', str(MANY)], check=True)
        make(f'{path}/run.html', f'{path}/t')
        browser = Browser(path)
        try:
            for name, function in list(globals().items()):
                if name.startswith('test_'):
                    try:
                        function(browser, path)
                        print(f'ok {name[5:]}')
                    except AssertionError as error:
                        failed += 1
                        print(f'not ok {name[5:]}: {error}')
            if os.environ.get('QEBEK_SCREENSHOT'):
                browser.screenshot(os.environ['QEBEK_SCREENSHOT'])
        finally:
            browser.close()
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
