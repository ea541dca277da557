"""A web server on this machine that fails and lies as told, for the tests of downloads.

`FAULTS` names every kind of fault and says what a download must come to.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from struct import pack


def box(kind: bytes, content: bytes) -> bytes:
    """A box of an MP4."""
    return pack(">I4s", 8 + len(content), kind) + content


def mp4(length: int = 200_000, filling: bytes = b"abcdefg") -> bytes:
    """The outer form of an MP4 of about `length` bytes."""
    data = (filling * (length // len(filling) + 1))[:length]
    return box(b"ftyp", b"isom0000") + box(b"mdat", data) + box(b"moov", b"index" * 20)


WHOLE, OTHER = mp4(), mp4(filling=b"other")
PAGE = b"<html><body>Not here</body></html>"


class Handler(BaseHTTPRequestHandler):
    """Answers each request by the next step of the server's plan; the last step stays."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        plan = self.server.plan
        (plan.pop(0) if len(plan) > 1 else plan[0])(self)

    def do_HEAD(self) -> None:
        self.server.head(self)

    def answer(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        """Send an answer; `length` is what it says it sends, and -1 nothing."""
        self.send_response(status)
        headers = {"Content_Type": "video/mp4", **headers}
        if length != -1:
            headers["Content_Length"] = str(len(body) if length is None else length)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:
        """Be quiet."""


Step = Callable[[Handler], None]


class Server(ThreadingHTTPServer):
    """Serves `files` (by path) under a plan, on a port of its own; `head` answers what only asks
    for headers, and `seen` lists all else that was asked."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes], plan: Sequence[Step]):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.plan = files, list(plan)
        self.head: Step = give
        self.seen: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(files: dict[str, bytes], plan: Sequence[Step] = ()) -> Iterator[Server]:
    """A running server; without a plan an honest one."""
    server = Server(files, plan or [give])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# Steps of a plan


def give(
    handler: Handler,
    content: bytes | None = None,
    etag: str | None = '"1"',
    heed_if_range: bool = True,
    ranges: bool = True,
    dropped_at: int | None = None,
) -> None:
    """Serve a file as a good server does, or with one thing missing: its mark, ranges, the check
    of `If-Range`, or all that comes after the byte `dropped_at` of the file."""
    content = handler.server.files.get(handler.path) if content is None else content
    if content is None:
        say(handler, 404)
        return
    marks = {"ETag": etag} if etag else {}
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    same = handler.headers.get("If-Range") == etag or not heed_if_range
    begin = int(asked[1]) if asked and same and ranges else 0
    if begin and begin >= len(content):
        say(handler, 416, Content_Range=f"bytes */{len(content)}")
        return
    if begin:
        marks["Content_Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
    body = content[begin : max(begin, dropped_at or len(content))]
    handler.answer(206 if begin else 200, body, len(content) - begin, **marks)


def say(handler: Handler, status: int, body: bytes = PAGE, **headers: str) -> None:
    """Answer with a status, whatever was asked."""
    handler.answer(status, body, None, **{"Content_Type": "text/html", **headers})


def lie(handler: Handler, more: int) -> None:
    """Tell another length than is sent, on ranges too."""
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    begin = int(asked[1]) if asked else 0
    told = len(WHOLE) + more
    where = {"Content_Range": f"bytes {begin}-{told - 1}/{told}"} if begin else {}
    handler.answer(206 if begin else 200, WHOLE[begin:], told - begin, ETag='"1"', **where)


def shift(handler: Handler) -> None:
    """Answer a range with another one."""
    told = f"bytes 5-{len(WHOLE) - 1}/{len(WHOLE)}"
    handler.answer(206, WHOLE[5:], ETag='"1"', Content_Range=told)


def reset(handler: Handler) -> None:
    """Break the connection in the middle of an answer."""
    handler.answer(200, WHOLE[:HALF], len(WHOLE))
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
    handler.connection.close()


def cut_chunks(handler: Handler) -> None:
    """Send the first of several chunks, and end."""
    piece = b"%x\r\n" % HALF + WHOLE[:HALF] + b"\r\n"
    handler.answer(200, piece, -1, Transfer_Encoding="chunked")


def hang_up(handler: Handler) -> None:
    """End the connection without an answer."""
    handler.close_connection = True


def redirect(handler: Handler, to: str) -> None:
    """Lead to another address, as often as asked."""
    handler.answer(302, b"", Location=to)


HALF = len(WHOLE) // 2
drop = partial(give, dropped_at=HALF)


@dataclass(frozen=True)
class Fault:
    """A kind of fault, in words, as a server's plan, and what a download must come to: the file
    `whole`, or a refusal that says `refused`; and after how many `requests` with 4 attempts."""

    what: str
    plan: Sequence[Step]
    requests: int
    refused: str = ""
    whole: bytes = field(default=WHOLE, repr=False)


FAULTS = {
    "none": Fault("an honest server", [give], 1),
    "dropped": Fault("drops the connection half way", [drop, give], 2),
    "dropped_often": Fault(
        "drops the connection after every fifth of the file",
        [partial(give, dropped_at=len(WHOLE) * i // 5) for i in range(1, 5)] + [give],
        5,
    ),
    "dropped_always": Fault(
        "drops the connection always at the same byte", [drop], 5, "the connection ended after"
    ),
    "no_answer": Fault("ends the connection without an answer", [hang_up, hang_up, give], 3),
    "never_answers": Fault("never answers", [hang_up], 4, "no answer"),
    "missing": Fault("404: no such file", [partial(say, status=404)], 1, "answers 404"),
    "forbidden": Fault("403: no access", [partial(say, status=403)], 1, "you were given access"),
    "busy": Fault("503 with Retry-After, then well", [partial(say, status=503), give], 2),
    "always_busy": Fault("503 always", [partial(say, status=503)], 4, "answers 503"),
    "broken": Fault("500, then well", [partial(say, status=500), give], 2),
    "range_refused": Fault("416 to a range", [drop, partial(say, status=416), give], 3),
    "ranges_ignored": Fault("ignores ranges", [drop, partial(give, ranges=False)], 2),
    "other_range": Fault("sends another range than asked", [drop, shift, give], 3),
    "no_version": Fault(
        "marks no version of the file: starts again",
        [partial(drop, etag=None), partial(give, etag=None)],
        2,
    ),
    "weak_version": Fault(
        "marks versions weakly: starts again",
        [partial(drop, etag='W/"1"'), partial(give, etag='W/"1"')],
        2,
    ),
    "changed": Fault(
        "the file changes between two ranges",
        [drop, partial(give, content=OTHER, etag='"2"')],
        2,
        whole=OTHER,
    ),
    "changed_unseen": Fault(
        "the file changes between two ranges, and the server goes on with the new one",
        [drop] + [partial(give, content=OTHER, etag='"2"', heed_if_range=False)] * 2,
        3,
        whole=OTHER,
    ),
    "changed_length": Fault(
        "the file and its length change under the same mark",
        [drop, partial(give, content=mp4(150_000))],
        3,
        whole=mp4(150_000),
    ),
    "too_long_told": Fault("tells 1000 bytes more than it has", [partial(lie, more=1000)], 5,
                           "the connection ended after"),
    "too_short_told": Fault("tells 1000 bytes less than it has", [partial(lie, more=-1000)], 4,
                            "not a complete MP4"),
    "no_length": Fault(
        "tells no length", [lambda h: h.answer(200, WHOLE, -1)], 4, "how long the file is"
    ),
    "redirected_here": Fault(
        "redirects on the same host", [partial(redirect, to="/elsewhere.mp4"), give], 2
    ),
    "redirected_elsewhere": Fault(
        "redirects to another host",
        [partial(redirect, to="http://localhost.invalid/a.mp4")],
        1,
        "another host",
    ),
    "redirected_to_a_file": Fault(
        "redirects to a local file", [partial(redirect, to="file:///etc/passwd")], 1, "another host"
    ),
    "redirected_round": Fault(
        "redirects round and round",
        [partial(redirect, to="/a.mp4")],
        6,
        "redirects more than 5 times",
    ),
    "page": Fault(
        "an HTML error page with status 200", [partial(say, status=200)], 1, "is a page"
    ),
    "page_as_video": Fault(
        "an HTML error page with status 200, called a video",
        [partial(say, status=200, Content_Type="video/mp4")],
        4,
        "not a complete MP4",
    ),
    "empty": Fault("an empty file", [partial(give, content=b"")], 4, "how long the file is"),
    "index_missing": Fault(
        "a file cut between two of its boxes",
        [partial(give, content=WHOLE[: WHOLE.rindex(b"moov") - 4])],
        4,
        "not a complete MP4",
    ),
}  # fmt: skip

# What a list must come to, which is short and of no known form: the same faults, as far as they
# can be seen, and some of its own.
TEXT_FAULTS = {
    name: FAULTS[name]
    for name in (
        *("none", "dropped", "no_answer", "never_answers", "forbidden", "busy", "always_busy"),
        *("broken", "redirected_here", "redirected_elsewhere", "redirected_to_a_file"),
        *("redirected_round", "page"),
    )
} | {
    "dropped_always": Fault("always drops the connection", [drop], 4, "the connection ended after"),
    "reset": Fault("breaks the connection, then well", [reset, give], 2),
    "cut_chunks": Fault("ends between two chunks, then well", [cut_chunks, give], 2),
    "cut_chunks_always": Fault("always ends between two chunks", [cut_chunks], 4,
                               "the connection ended after 100066 bytes"),
    "no_length": Fault("tells no length", [lambda h: h.answer(200, WHOLE, -1)], 1),
    "odd_length": Fault("tells a length that is no number",
                        [lambda h: h.answer(200, WHOLE, -1, Content_Length="x y")], 1),
    "missing": Fault("404: no such file", [partial(say, status=404)], 1,
                     r"404 Not Found\. Check download\.server\.$"),
    "odd_address": Fault("redirects to what is no address",
                         [partial(redirect, to="http://[::1")], 1, "to, an invalid address"),
    "odd_port": Fault("redirects to a port that there is not",
                      [partial(redirect, to="https://127.0.0.1:99999/")], 1,
                      "to, an invalid address"),
    "page_as_video": Fault("an HTML page that is called a video",
                           [partial(say, status=200, Content_Type="video/mp4")], 1, "is a page"),
    "endless": Fault("sends more than any list has",
                     [lambda h: h.answer(200, b"x" * 10_000_001)], 1, "longer than 10 MB"),
}  # fmt: skip
