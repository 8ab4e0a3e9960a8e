#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A picture of a part of a timeline that export_perfetto wrote, as HTML for Chromium: its tracks from top to bottom, time
to the right. What ui.perfetto.dev shows interactively, drawn from the file alone, for a page without a network.

  timeline.py TRACE FROM_MS LENGTH_MS TITLE [TRACK-NAME-PART …] >timeline.html
"""
import html
import sys


def fields(data):
    """(field number, value) of a Protocol Buffers message: integers, or bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    while at < len(data):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            yield tag >> 3, varint()
        else:
            size = {1: 8, 5: 4}.get(kind) or varint()
            yield tag >> 3, data[at:at + size]
            at += size


def read(path, begin, end):
    """Tracks in the order of the file, and slices [track, from, to, name] that touch begin … end (ns)."""
    tracks, names, slices, open_slices = {}, {}, [], {}
    with open(path, 'rb') as file:
        data = memoryview(file.read())
    for _, packet in fields(data):
        parts = list(fields(packet))
        part = dict(parts)
        if 12 in part:  # names, written once
            for number, entry in fields(part[12]):
                entry = dict(fields(entry))
                if number == 2:
                    names[entry[1]] = bytes(entry[2]).decode()
        if 60 in part:  # a track
            track = dict(fields(part[60]))
            process = dict(fields(track[3])) if 3 in track else {}
            name = bytes(process.get(6, track.get(2, b''))).decode()
            tracks[track[1]] = (name, track.get(5, 0), 8 in track)
        if 11 not in part:
            continue
        event, at = dict(fields(part[11])), part.get(8, 0)
        track, kind = event[11], event.get(9, 0)
        if kind == 1:
            open_slices.setdefault(track, []).append((at, names.get(event.get(10), '')))
        elif kind == 2 and open_slices.get(track):
            began, name = open_slices[track].pop()
            if at >= begin and began <= end:
                slices.append((track, began, at, name))
        elif kind == 3 and begin <= at <= end:
            slices.append((track, at, at, names.get(event.get(10), '')))
    return tracks, slices


def main():
    path, begin_ms, length_ms, title = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    wanted = sys.argv[5:]
    begin, end = int(begin_ms * 1e6), int((begin_ms + length_ms) * 1e6)
    tracks, slices = read(path, begin, end)
    by_track = {}
    for track, *rest in slices:
        by_track.setdefault(track, []).append(rest)
    left, width, row, y, out = 190, 1000, 19, 58, []
    colours = {}
    palette = ['#4e79a7', '#f28e2b', '#59a14f', '#b07aa1', '#76b7b2', '#edc948', '#e15759', '#9c755f']
    group = None
    rank = {track: i for i, track in enumerate(tracks)}  # those of one group together, as the UI has them
    for track, (name, parent, is_counter) in sorted(tracks.items(), key=lambda t: (rank.get(t[1][1], 0), t[1][0])):
        label = tracks.get(parent, ('',))[0]
        if is_counter or track not in by_track or (wanted and not any(w in label + '/' + name for w in wanted)):
            continue
        if label != group:
            group = label
            out.append(f'<text x="6" y="{y + 14}" font-weight="bold">{html.escape(label)}</text>')
            y += row
        out.append(f'<text x="18" y="{y + 13}">{html.escape(name)}</text>')
        for began, ended, text in sorted(by_track[track]):
            x = left + max(0, began - begin) / (end - begin) * width
            w = max(0.6, (min(ended, end) - max(began, begin)) / (end - begin) * width)
            fill = colours.setdefault(text, palette[len(colours) % len(palette)])
            out.append(f'<rect x="{x:.1f}" y="{y + 1}" width="{w:.1f}" height="{row - 3}" fill="{fill}"/>')
            if w > 40:
                fits = int(w / 6.2)
                out.append(f'<text x="{x + 3:.1f}" y="{y + 12}" font-size="10" fill="#fff">{html.escape(text[:fits])}</text>')
        y += row
    for i in range(11):
        x = left + width * i / 10
        out.append(f'<line x1="{x}" x2="{x}" y1="46" y2="{y}" stroke="#8884" /><text x="{x - 14}" y="42" font-size="10">'
                   f'{begin_ms + length_ms * i / 10:.1f}</text>')
    print(f'<!doctype html><meta charset="utf-8"><body style="margin:0;background:#fff"><svg xmlns="http://www.w3.org/2000/svg" '
          f'width="{left + width + 20}" height="{y + 10}" font-family="sans-serif" font-size="12">'
          f'<text x="6" y="20" font-size="15">{html.escape(title)}</text><text x="6" y="42" font-size="10">ms</text>{"".join(out)}</svg>')


main()
