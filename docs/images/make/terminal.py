#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A terminal's screen as HTML for Chromium:  tmux capture-pane -p -e | terminal.py >screen.html
Understands what `lithos top` sends: bold, dim, reverse, and the eight colours, bright or not."""
import html
import re
import sys

COLOURS = ['#2e3436', '#ef6b6b', '#8ae234', '#f4d35e', '#729fcf', '#c29fd0', '#4fd6d6', '#d3d7cf']


def style(codes):
    bold, dim, reverse, colour = 1 in codes, 2 in codes, 7 in codes, None
    for code in codes:
        if 30 <= code <= 37 or 90 <= code <= 97:
            colour = COLOURS[code % 10]
    fore, back = colour or '#d3d7cf', None
    if reverse:
        fore, back = '#16191b', colour or '#d3d7cf'
    return (f'color:{fore}' + (f';background:{back}' if back else '') + (';font-weight:bold' if bold else '') +
            (';opacity:.6' if dim else ''))


codes, out = [], []
for piece in re.split(r'(\x1b\[[0-9;]*m)', sys.stdin.read()):
    if piece.startswith('\x1b['):
        for code in [int(c or 0) for c in piece[2:-1].split(';')]:
            codes = [] if code == 0 else [c for c in codes if not (code == 39 and 30 <= c <= 97)] + [code]
    elif piece:
        out.append(f'<span style="{style(codes)}">{html.escape(piece)}</span>')
print('<!doctype html><meta charset="utf-8"><body style="margin:0;background:#16191b"><pre style="margin:10px;font:14px/1.25 '
      'DejaVu Sans Mono,monospace">' + ''.join(out) + '</pre>')
