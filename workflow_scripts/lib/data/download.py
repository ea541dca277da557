"""Downloads that end with the whole file or with none, from a server that may fail or lie.

A download goes into `{name}.part` and is renamed when it is whole: as long as the server said, and
an MP4 whose boxes fill the file to its last byte. An interrupted one is resumed by a range request,
but only where the server marks the file's version (`ETag` or `Last-Modified`), so that two versions
never mix. What may pass (lost connections, busy servers) is tried again with growing pauses; only
attempts that bring nothing new are counted. What will not pass (no such file, a redirect to another
host, a page instead of a video) ends at once.

A list of what there is comes whole or not at all too, but is short, and always fetched anew.
"""

from __future__ import annotations

import contextlib
import email.utils
import json
import logging
import re
import shutil
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urljoin, urlsplit

import requests
import tenacity
import urllib3

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import write_json

__all__ = [
    "Patience",
    "Receipt",
    "download",
    "fetch_text",
    "find_lost",
    "is_whole_mp4",
    "url_of",
]

CHUNK = 1 << 16  # bytes
TIMEOUT = (10.0, 60.0)  # s, to connect and between two pieces of an answer
LONGEST_WAIT = 600.0  # s; a server that asks for more is asked again sooner
MAX_REDIRECTS = 5
TOLD = 50_000_000  # bytes after which it is told again how far a file has come
MAX_TEXT = 10_000_000  # bytes
BUSY = {408, 425, 429, 500, 502, 503, 504}
NO_HEAD = {405, 501}
CHECK = "Check download.server"
PAGES = re.compile(r"text/|application/(json|xml|xhtml)")

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How often and after which pauses, s, a request that brought nothing is repeated. A server's
    `Retry-After` counts where it asks for more."""

    attempts: int = 8
    first_wait: float = 1.0
    longest_wait: float = 120.0
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Receipt:
    """What was fetched: from where, to where, how many bytes, and which version of the file."""

    url: str
    path: str
    bytes: int
    version: str | None


class _PassingError(Exception):
    """Something that may be different at the next attempt, in `retry_after` s or sooner."""

    def __init__(self, text: str, retry_after: float = 0.0):
        super().__init__(text)
        self.retry_after = retry_after


@dataclass(frozen=True)
class _Version:
    """What the server says of a file: its length in bytes, and a mark that changes with it."""

    length: int
    mark: str | None


def url_of(server: str, path: Path) -> str:
    """The address of a file of FaceForensics++, from its place in the tree."""
    return f"{server.rstrip('/')}/v3/{quote(path.as_posix())}"


def download(
    url: str, target: Path, rate_mb: float | None = None, patience: Patience | None = None
) -> Receipt:
    """Fetch an MP4 to `target`, going on where an earlier call stopped.

    A whole `target` of the length that the server tells is kept. `rate_mb` limits the speed, MB/s.

    Raises
    ------
    UserError
        The server does not have the file, or does not give it whole.
    """
    patience = patience or Patience()
    with requests.Session() as session:
        transfer = _Transfer(session, url, target, rate_mb, patience.sleep)
        while not transfer.finished:
            _patiently(transfer.advance, url, patience, "it goes on with what is there")
    return Receipt(url, str(target), transfer.version.length, transfer.version.mark)


def fetch_text(url: str, patience: Patience | None = None) -> str:
    """Fetch a short UTF-8 text.

    Raises
    ------
    UserError
        The server does not give it.
    """

    def fetch() -> str:
        with requests.Session() as session, _request(session, "GET", url) as answer:
            content = _read_short(answer, url)
        if content.lstrip().startswith(b"<"):
            raise UserError(
                f"{url} is a page and no list. {CHECK}, and open the address in a browser to see "
                "what it says."
            )
        return content.decode(errors="replace")

    return _patiently(fetch, url, patience or Patience(), "nothing was changed")


def find_lost(receipts: list[Path]) -> list[Path]:
    """The receipts whose file is not there any more, or not in the length that was fetched, and
    those that tell of none."""
    lost = []
    for receipt in receipts:
        try:
            told = json.loads(receipt.read_text(encoding="utf-8"))
            path, length = Path(told["path"]), told["bytes"]
        except (ValueError, KeyError, TypeError):  # the receipt itself was changed
            lost.append(receipt)
            continue
        if not path.is_file() or path.stat().st_size != length:
            lost.append(receipt)
    return lost


def is_whole_mp4(path: Path) -> bool:
    """Whether a file begins as an MP4, holds index and data, and its top-level boxes fill it
    exactly (ISO/IEC 14496-12, 4.2): what was cut off, or is something else, does not."""
    length = path.stat().st_size
    kinds = []
    position = 0
    with path.open("rb") as content:
        while position < length:
            content.seek(position)
            header = content.read(16)
            if len(header) < 8:
                return False
            size, kind = struct.unpack(">I4s", header[:8])
            if size == 1 and len(header) == 16:  # the size stands behind, in 64 bits
                size = struct.unpack(">Q", header[8:])[0]
            elif size == 0:  # to the end
                size = length - position
            if size < 8:
                return False
            kinds.append(kind)
            position += size
    return kinds[:1] == [b"ftyp"] and {b"moov", b"mdat"} <= set(kinds) and position == length


class _Transfer:
    """One file on its way. `advance` makes one request, and raises `_PassingError` where that
    brought no more than there has been before."""

    def __init__(
        self,
        session: requests.Session,
        url: str,
        target: Path,
        rate_mb: float | None,
        sleep: Callable[[float], None],
    ):
        self.session, self.url, self.target = session, url, target
        self.rate_mb, self.sleep = rate_mb, sleep
        self.part = target.with_name(f"{target.name}.part")
        self.notes = target.with_name(f"{target.name}.part.json")
        self.most = 0  # bytes that were there at best
        self.finished = False
        self.version = _Version(0, None)

    def advance(self) -> None:
        """Get nearer to the whole file by one request."""
        if self.target.exists():
            self.version = self._ask()
            if is_whole_mp4(self.target) and self._size(self.target) == self.version.length:
                self.finished = True
                return
            logging.info("%s is not what the server has; fetching it again", self.target)
            self.target.unlink()
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self._recall()
        if self._size(self.part) < self.version.length or not self.version.length:
            self._fetch()
        if self._size(self.part) == self.version.length:
            self._finish()

    def _ask(self) -> _Version:
        """What the server has. One that answers no HEAD is asked for all, and left before it
        comes."""
        with _request(self.session, "HEAD", self.url) as answer:
            if answer.status_code not in NO_HEAD:
                return _version(answer)
        with _request(self.session, "GET", self.url) as answer:
            _refuse_pages(answer)
            return _version(answer)

    def _recall(self) -> None:
        """Take up what an earlier attempt left, or forget it where it can't be gone on with."""
        try:
            self.version = _Version(**json.loads(self.notes.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            self.version = _Version(0, None)
        if not self.version.mark or self._size(self.part) > self.version.length:
            self._forget()

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)
        self.version = _Version(0, None)

    def _fetch(self) -> None:
        have = self._size(self.part)
        headers = {}
        if have and self.version.mark:
            headers = {"Range": f"bytes={have}-", "If-Range": self.version.mark}
        with _request(self.session, "GET", self.url, headers) as answer:
            if answer.status_code == 416:
                self._forget()
                raise _PassingError("the server does not go on where the download stopped")
            _refuse_pages(answer)
            if answer.status_code == 206:
                self._check_range(answer, have)
            else:
                have = 0
                self.version = _version(answer)
                self.part.write_bytes(b"")
                write_json(self.notes, asdict(self.version))
            free = shutil.disk_usage(self.part.parent).free
            if free < self.version.length - have:
                raise UserError(
                    f"{self.part.parent} has {free / 1e6:.0f} MB left; {self.target.name} needs "
                    f"{(self.version.length - have) / 1e6:.0f} MB more. Make room."
                )
            self._receive(answer)

    def _check_range(self, answer: requests.Response, have: int) -> None:
        told = re.fullmatch(
            r"bytes (\d{1,18})-\d+/(\d{1,18})", answer.headers.get("Content-Range", "")
        )
        mark = _mark(answer)
        if (
            not told
            or (int(told[1]), int(told[2])) != (have, self.version.length)
            or (mark and mark != self.version.mark)
        ):
            self._forget()
            raise _PassingError(
                "the file on the server is not the one that the download began with"
            )

    def _receive(self, answer: requests.Response) -> None:
        begin, received, before = time.monotonic(), 0, self._size(self.part)
        try:
            with self.part.open("ab") as out:
                for chunk in answer.raw.stream(CHUNK, decode_content=False):
                    out.write(chunk)
                    received += len(chunk)
                    self._tell(before + received, len(chunk))
                    if self.rate_mb:
                        ahead = received / (self.rate_mb * 1e6) - (time.monotonic() - begin)
                        self.sleep(max(0.0, ahead))
        except urllib3.exceptions.HTTPError:
            pass  # what is missing is counted below
        except OSError as error:
            raise UserError(f"{self.part} can't be written: {error.strerror}.") from error
        have = self._size(self.part)
        if have == self.version.length:
            return
        cause = f"the connection ended after {have} of {self.version.length} bytes"
        if have <= self.most or have > self.version.length:
            raise _PassingError(cause)
        self.most = have
        logging.info("%s: %s; going on", self.target.name, cause)

    def _tell(self, have: int, new: int) -> None:
        """Say how far the file has come, where the `new` bytes of the `have` are worth a line."""
        if have // TOLD > (have - new) // TOLD:
            whole = self.version.length
            logging.info("%s: %.0f of %.0f MB", self.target.name, have / 1e6, whole / 1e6)

    def _finish(self) -> None:
        if not is_whole_mp4(self.part):
            self._forget()
            raise _PassingError("what came is no whole MP4")
        self.part.replace(self.target)
        self.notes.unlink(missing_ok=True)
        self.finished = True

    @staticmethod
    def _size(path: Path) -> int:
        return path.stat().st_size if path.exists() else 0


def _read_short(answer: requests.Response, url: str) -> bytes:
    """The whole of a short answer."""
    content, length = bytearray(), _length(answer)
    try:
        for chunk in answer.raw.stream(CHUNK, decode_content=False):
            content += chunk
            if len(content) > MAX_TEXT:
                raise UserError(
                    f"{url} is longer than {MAX_TEXT / 1e6:.0f} MB, so no list. {CHECK}."
                )
    except urllib3.exceptions.HTTPError as error:
        raise _PassingError(f"the connection ended after {len(content)} bytes") from error
    if length is not None and len(content) != length:
        raise _PassingError(f"the connection ended after {len(content)} of {length} bytes")
    return bytes(content)


def _patiently(work: Callable[[], T], url: str, patience: Patience, then: str) -> T:
    """Call `work` until it does not raise `_PassingError`, or patience has an end; `then` says what
    the next call finds."""
    grow = tenacity.wait_exponential_jitter(patience.first_wait, patience.longest_wait)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = min(getattr(error, "retry_after", 0.0), LONGEST_WAIT)
        return max(asked, grow(state))

    def tell(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else 0.0
        logging.warning("%s: %s. Trying again in %.0f s", url, error, pause)

    retry = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(_PassingError),
        stop=tenacity.stop_after_attempt(patience.attempts),
        wait=wait,
        sleep=patience.sleep,
        before_sleep=tell,
        reraise=True,
    )
    try:
        return retry(work)
    except _PassingError as error:
        raise UserError(
            f"{url}: {error}; it was tried {patience.attempts} times. Start the same command "
            f"later: {then}."
        ) from error


@contextlib.contextmanager
def _request(
    session: requests.Session, method: str, url: str, headers: dict[str, str] | None = None
) -> Iterator[requests.Response]:
    """Ask, following redirects on the same host only, and refuse answers that bring nothing."""
    asked = url
    headers = {"Accept-Encoding": "identity", **(headers or {})}
    for _ in range(MAX_REDIRECTS + 1):
        try:
            answer = session.request(
                method, asked, headers=headers, stream=True, timeout=TIMEOUT, allow_redirects=False
            )
        except requests.exceptions.InvalidURL as error:
            raise UserError(f"{asked} is no address ({error}). {CHECK}.") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _PassingError(f"no answer ({type(error).__name__})") from error
        except ValueError as error:  # requests looks where a redirect leads
            raise UserError(f"{url} redirects to no address ({error}). {CHECK}.") from error
        with answer:
            if not answer.is_redirect:
                _refuse_failures(answer, url)
                yield answer
                return
            asked = _redirected(asked, answer.headers["Location"])
    raise UserError(f"{url} leads round and round. {CHECK}.")


def _redirected(url: str, location: str) -> str:
    try:
        old, new = urlsplit(url), urlsplit(urljoin(url, location))
        safer = new.scheme == "https" and new.port is None and new.hostname == old.hostname
    except ValueError as error:
        raise UserError(f"{url} redirects to no address ({error}). {CHECK}.") from error
    if not safer and (new.scheme, new.netloc) != (old.scheme, old.netloc):
        raise UserError(
            f"{url} redirects to another host, {new.scheme}://{new.netloc}, which is refused. If "
            "the data set has moved, ask its authors and set download.server."
        )
    return new.geturl()


def _refuse_failures(answer: requests.Response, url: str) -> None:
    status = answer.status_code
    if status in (200, 206, 416) or (answer.request.method == "HEAD" and status in NO_HEAD):
        return
    if status in BUSY:
        after = _retry_after(answer.headers.get("Retry-After", ""))
        raise _PassingError(f"the server answers {status} {answer.reason}", after)
    if status in (401, 403):
        remedy = "Have you been given access, and is download.server what you were given?"
    elif url.endswith(".mp4"):
        remedy = f"{CHECK}; a single file that is gone can be left out of the manifest."
    else:
        remedy = f"{CHECK}."
    raise UserError(f"{url}: the server answers {status} {answer.reason}. {remedy}")


def _refuse_pages(answer: requests.Response) -> None:
    kind = answer.headers.get("Content-Type", "")
    if PAGES.match(kind.lower()):
        raise UserError(
            f"{answer.url} is a page ({kind}) and no video. {CHECK}, and open the address in a "
            "browser to see what it says."
        )


def _version(answer: requests.Response) -> _Version:
    length = _length(answer)
    if not length:
        raise _PassingError("the server does not tell how long the file is")
    return _Version(length, _mark(answer))


def _length(answer: requests.Response) -> int | None:
    told = answer.headers.get("Content-Length", "")
    return int(told) if re.fullmatch(r"[0-9]{1,18}", told) else None


def _mark(answer: requests.Response) -> str | None:
    """A strong ETag, else the time of change: what `If-Range` accepts (RFC 9110, 13.1.5)."""
    etag = answer.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        return etag
    return answer.headers.get("Last-Modified")


def _retry_after(value: str) -> float:
    """Seconds that a `Retry-After` asks for, which holds them or a date; 0 without."""
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0
