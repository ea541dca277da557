"""Tables, configs and model files as nobody should write them, each with what must be said of it.

The kinds of videos are in `tests/clips.py`, those of servers in `tests/servers.py`.
"""

from __future__ import annotations

from collections.abc import Callable

HEADER = b"video_id\tpath\tlabel\n"
GOOD = b"a\tx.mp4\treal\n"

# bytes of the file, and words of the message; without words it is read as it is
MANIFESTS: dict[str, tuple[bytes, str]] = {
    "byte order mark": (b"\xef\xbb\xbf" + HEADER + GOOD, ""),
    "lines that end as on Windows": ((HEADER + GOOD).replace(b"\n", b"\r\n"), ""),
    "lines that end as on an old Mac": ((HEADER + GOOD).replace(b"\n", b"\r"), ""),
    "no end of the last line": (HEADER + GOOD.rstrip(), ""),
    "empty lines": (HEADER + b"\n\n" + GOOD + b"\n \t \n", ""),
    "blanks around cells": (HEADER + b" a \t x.mp4 \t real \n", ""),
    "quotes in a path": (HEADER + b"a\t\"x'y`$(z).mp4\treal\n", ""),
    "a path of many bytes": (HEADER + b"a\t" + b"x" * 5000 + b"\treal\n", ""),
    "Latin-1": (HEADER + b"a\tm\xfcller.mp4\treal\n", "Save it as UTF-8"),
    "UTF-16": ((HEADER + GOOD).decode().encode("utf-16"), "Save it as UTF-8"),
    "a spreadsheet": (b"PK\x03\x04\x14\x00\x08\x08\xff\xff", "Save it as UTF-8"),
    "a zero byte": (HEADER + b"a\tx\0.mp4\treal\n", "column path"),
    "an empty file": (b"", "lacks the column 'video_id'"),
    "a header only": (HEADER, "has no videos"),
    "commas for tabs": ((HEADER + GOOD).replace(b"\t", b","), "separated by tabs"),
    "no header": (GOOD, "unknown column 'a'"),
    "a column twice": (b"video_id\tpath\tlabel\tlabel\na\tx\treal\tfake\n", "twice"),
    "a column too few": (b"video_id\tpath\na\tx.mp4\n", "lacks the column 'label'"),
    "a cell too many": (HEADER + b"a\tx.mp4\treal\tmore\n", "4 cells for 3 columns"),
    "a cell too few": (HEADER + b"a\tx.mp4\n", "column label: the cell is empty"),
    "an id twice": (HEADER + GOOD + GOOD, "'a' is already used in line 2"),
    "an id that climbs": (HEADER + b"../../etc/a\tx.mp4\treal\n", "column video_id"),
    "an absolute id": (HEADER + b"/etc/passwd\tx.mp4\treal\n", "column video_id"),
    "an id that is an option": (HEADER + b"-rf\tx.mp4\treal\n", "column video_id"),
    "an id of foreign letters": (HEADER + "ä\tx.mp4\treal\n".encode(), "column video_id"),
    "an id of foreign digits": (HEADER + "a\u0661\tx.mp4\treal\n".encode(), "column video_id"),
    "an id with a blank": (HEADER + b"a b\tx.mp4\treal\n", "column video_id"),
    "an id that is too long": (HEADER + b"a" * 65 + b"\tx.mp4\treal\n", "column video_id"),
    "a line break in a path": (HEADER + b"a\tx\ny.mp4\treal\n", "column label: the cell is empty"),
    "a quoted line break": (HEADER + b'a\t"x\ny.mp4"\treal\n', "column label: the cell is empty"),
    "a control character": (HEADER + b"a\tx\x1b[2J.mp4\treal\n", "column path"),
    "a wildcard of Snakemake": (HEADER + b"a\t{video}.mp4\treal\n", "column path"),
    "a label in capitals": (HEADER + b"a\tx.mp4\tREAL\n", "column label"),
    "a label as a number": (HEADER + b"a\tx.mp4\t1\n", "column label"),
    "a cell of 200,000 bytes": (HEADER + b"a\t" + b"x" * 200_000 + b"\treal\n", "field limit"),
}

# the run's YAML file, and words of the message
CONFIGS: dict[str, tuple[str, str]] = {
    "empty": ("", "is not of type 'object'"),
    "a list": ("[run, r]", "is not of type 'object'"),
    "a word": ("run", "is not of type 'object'"),
    "a key that is a number": ("{run: r, manifest: m, 1: x}", "unknown key"),
    "a key that is nothing": ("{run: r, manifest: m, null: x}", "unknown key"),
    "nothing for a name": ("{run: null, manifest: m}", "run: None"),
    "a number for a name": ("{run: 7, manifest: m}", "run: 7"),
    "a date for a name": ("{run: 2026-11-25, manifest: m}", "run: datetime.date"),
    "a name that climbs": ("{run: ../up, manifest: m}", "run: '../up'"),
    "a name with a line break": ('{run: "a\\n", manifest: m}', "run: "),
    "a list for a section": ("{run: r, manifest: m, faces: []}", "faces: []"),
    "nothing for a section": ("{run: r, manifest: m, faces: }", "faces: None"),
    "a word for a number": ("{run: r, manifest: m, seed: one}", "seed: 'one'"),
    "yes for a number": ("{run: r, manifest: m, seed: yes}", "seed: True"),
    "a fraction for a whole number": (
        "{run: r, manifest: m, sampling: {frames: 1.5}}",
        "sampling.frames: 1.5",
    ),
    "a negative number": ("{run: r, manifest: m, sampling: {stride: -1}}", "sampling.stride: -1"),
    "infinity": ("{run: r, manifest: m, faces: {scale: .inf}}", "faces.scale: inf"),
    "not a number": ("{run: r, manifest: m, faces: {scale: .nan}}", "faces.scale: nan"),
    "a number too large": ("{run: r, manifest: m, seed: 1e400}", "seed: "),
    "a misspelt key": ("{run: r, manifest: m, face: {}}", "unknown key 'face'"),
    "an experiment without a model": (
        "{run: r, manifest: m, experiments: {e: {features: pixels}}}",
        "'model' is a required property",
    ),
    "an experiment with an odd name": (
        "{run: r, manifest: m, experiments: {a/b: {features: pixels, model: dummy}}}",
        "a/b",
    ),
    "an experiment whose name is a number": (
        "{run: r, manifest: m, experiments: {1: {features: pixels, model: dummy}}}",
        "experiments",
    ),
    "a server that is none": (
        "{run: r, manifest: m, download: {server: 'file:///etc'}}",
        "download.server: 'file:///etc'",
    ),
}


def _flip(content: bytes) -> bytes:
    middle = len(content) // 2
    flipped = bytes(byte ^ 255 for byte in content[middle : middle + 64])
    return content[:middle] + flipped + content[middle + 64 :]


# from a good model file to a bad one
MODEL_FILES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut in the middle": lambda content: content[: len(content) // 2],
    "its last bytes missing": lambda content: content[:-30],
    "64 bytes flipped": _flip,
    "zeros": lambda content: bytes(len(content)),
    "a pickle": lambda content: b"cos\nsystem\n(S'touch hacked'\ntR.",
    "a text": lambda content: b"This is not a model.\n" * 100,
}
