"""Downloads that produce the complete file or none, from a server that may fail or misbehave.

A download is written to `{name}.part` and renamed when it is complete: as long as the server said,
and an MP4 whose boxes fill the file to its last byte. Interrupted downloads resume with a range
request, but only if the server identifies the file's version (`ETag` or `Last-Modified`), so that
two versions never mix. Transient errors (lost connections, busy servers) are retried with growing
pauses; only attempts without progress count. Permanent errors (no such file, a redirect to another
host, a page instead of a video) fail at once.
"""

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
from typing import Any, TypeVar
from urllib.parse import quote, urljoin, urlsplit

import requests
import tenacity
import urllib3

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import write_json

CHUNK_BYTES = 1 << 16
TIMEOUT = (10.0, 60.0)  # s, to connect and between two chunks
MAX_RETRY_AFTER = 600.0  # s; longer requests of the server are cut to this
MAX_REDIRECTS = 5
LOG_INTERVAL = 50_000_000  # bytes
MAX_TEXT_BYTES = 10_000_000
TRANSIENT_STATUSES = {408, 425, 429, 500, 502, 503, 504}
HEAD_UNSUPPORTED = {405, 501}
HINT = "Check download.server"
PAGE_HINT = f"{HINT}, and open the address in a browser to see what it says."
PAGE_TYPES = re.compile(r"text/|application/(json|xml|xhtml)")

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """Number of attempts without progress, and the pauses between them (exponential backoff, in
    seconds). A server's `Retry-After` extends a pause."""

    attempts: int = 8
    first_wait: float = 1.0
    max_wait: float = 120.0
    sleep: Callable[[float], None] = time.sleep


DEFAULT_RETRIES = RetryPolicy()


@dataclass(frozen=True)
class Receipt:
    """Record of a download: address, path, size, and the file's version on the server."""

    url: str
    path: str
    bytes: int
    version: str | None


class _TransientError(Exception):
    """An error that may disappear; the server asks to retry after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float = 0.0):
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True)
class _Version:
    """A file on the server: its length in bytes, and a validator that changes with it."""

    length: int = 0
    mark: str | None = None


def file_url(server: str, path: Path) -> str:
    """The address of a file of FaceForensics++, from its path in the data set."""
    return f"{server.rstrip('/')}/v3/{quote(path.as_posix())}"


def download(
    url: str, target: Path, rate_mb: float | None = None, retries: RetryPolicy = DEFAULT_RETRIES
) -> Receipt:
    """Download an MP4 to `target`, resuming an interrupted download.

    An existing complete `target` of the length on the server is kept. `rate_mb` limits the speed,
    MB/s. Raises a UserError if the server does not deliver the complete file.
    """
    with requests.Session() as session:
        transfer = _Transfer(session, url, target, rate_mb, retries.sleep)
        while not _retry(transfer.advance, url, retries, "it resumes the download"):
            pass  # progress resets the number of attempts
    return Receipt(url, str(target), transfer.version.length, transfer.version.mark)


def fetch_text(url: str, retries: RetryPolicy = DEFAULT_RETRIES) -> str:
    """Download a short UTF-8 text completely, or raise a UserError."""

    def fetch() -> str:
        with requests.Session() as session, _request(session, "GET", url) as response:
            content = _read_text(response, url)
        if content.lstrip().startswith(b"<"):
            raise UserError(f"{url} is a page, not a list. {PAGE_HINT}")
        return content.decode(errors="replace")

    return _retry(fetch, url, retries, "nothing was changed")


def find_missing(receipts: list[Path]) -> list[Path]:
    """The receipts that are damaged, or whose file is missing or has another length."""
    return [receipt for receipt in receipts if not _is_intact(receipt)]


def _is_intact(receipt: Path) -> bool:
    try:
        content = json.loads(receipt.read_text(encoding="utf-8"))
        path, length = Path(content["path"]), content["bytes"]
    except (ValueError, KeyError, TypeError):
        return False
    return path.is_file() and path.stat().st_size == length


def is_complete_mp4(path: Path) -> bool:
    """Whether a file starts as an MP4, contains index and data, and its top-level boxes fill it
    exactly (ISO/IEC 14496-12, 4.2); truncated and other files do not."""
    length = path.stat().st_size
    boxes = []
    position = 0
    with path.open("rb") as stream:
        while position < length:
            stream.seek(position)
            header = stream.read(16)
            if len(header) < 8:
                return False
            size, box = struct.unpack(">I4s", header[:8])
            if size == 1 and len(header) == 16:  # followed by a 64-bit size
                size = struct.unpack(">Q", header[8:])[0]
            elif size == 0:  # to the end of the file
                size = length - position
            if size < 8:
                return False
            boxes.append(box)
            position += size
    return boxes[:1] == [b"ftyp"] and {b"moov", b"mdat"} <= set(boxes) and position == length


@dataclass
class _Transfer:
    """The download of one file. `advance` makes one request and raises a `_TransientError` if the
    partial file did not grow beyond its largest size so far."""

    session: requests.Session
    url: str
    target: Path
    rate_mb: float | None
    sleep: Callable[[float], None]
    version: _Version = _Version()
    max_received: int = 0  # bytes

    def __post_init__(self) -> None:
        self.part = self.target.with_name(f"{self.target.name}.part")
        self.version_file = self.target.with_name(f"{self.target.name}.part.json")

    def advance(self) -> bool:
        """Make one request; returns whether the file is complete."""
        if self.target.exists():
            self.version = self._query_version()
            if is_complete_mp4(self.target) and _size(self.target) == self.version.length:
                return True
            logging.info("%s differs from the file on the server; fetching it again", self.target)
            self.target.unlink()
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self._load_state()
        if _size(self.part) < self.version.length or not self.version.length:
            self._fetch()
        if _size(self.part) < self.version.length:
            return False
        if not is_complete_mp4(self.part):
            self._discard()
            raise _TransientError("the received file is not a complete MP4")
        self.part.replace(self.target)
        self.version_file.unlink(missing_ok=True)
        return True

    def _query_version(self) -> _Version:
        """Ask the server for the file's version: by HEAD or, where that is not supported, by a GET
        whose body is not read."""
        with _request(self.session, "HEAD", self.url) as response:
            if response.status_code not in HEAD_UNSUPPORTED:
                return _version(response)
        with _request(self.session, "GET", self.url) as response:
            _reject_page(response)
            return _version(response)

    def _load_state(self) -> None:
        """Load the state of an earlier attempt; discard it if it cannot be resumed."""
        try:
            self.version = _Version(**json.loads(self.version_file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            self.version = _Version()
        if not isinstance(self.version.mark, str) or not isinstance(self.version.length, int):
            self.version = _Version()  # damaged
        if not self.version.mark or _size(self.part) > self.version.length:
            self._discard()

    def _discard(self) -> None:
        self.part.unlink(missing_ok=True)
        self.version_file.unlink(missing_ok=True)
        self.version = _Version()

    def _fetch(self) -> None:
        offset = _size(self.part)
        headers = {}
        if offset and self.version.mark:
            headers = {"Range": f"bytes={offset}-", "If-Range": self.version.mark}
        with _request(self.session, "GET", self.url, headers) as response:
            if response.status_code == 416:
                self._discard()
                raise _TransientError("the server cannot resume where the download stopped")
            _reject_page(response)
            if response.status_code == 206:
                self._check_range(response, offset)
            else:
                offset = 0
                self.version = _version(response)
                self.part.write_bytes(b"")
                write_json(self.version_file, asdict(self.version))
            needed = self.version.length - offset
            free = shutil.disk_usage(self.part.parent).free
            if free < needed:
                raise UserError(
                    f"{self.part.parent} has {free / 1e6:.0f} MB left; {self.target.name} needs "
                    f"{needed / 1e6:.0f} MB more. Free some space."
                )
            self._receive(response, offset)

    def _check_range(self, response: requests.Response, offset: int) -> None:
        served = re.fullmatch(
            r"bytes (\d{1,18})-\d+/(\d{1,18})", response.headers.get("Content-Range", "")
        )
        expected = (offset, self.version.length)
        same_version = _mark(response) in (None, "", self.version.mark)
        if not served or (int(served[1]), int(served[2])) != expected or not same_version:
            self._discard()
            raise _TransientError("the file on the server changed since the download started")

    def _receive(self, response: requests.Response, offset: int) -> None:
        start, size, length = time.monotonic(), offset, self.version.length
        try:
            with self.part.open("ab") as out:
                for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
                    out.write(chunk)
                    size += len(chunk)
                    if size // LOG_INTERVAL > (size - len(chunk)) // LOG_INTERVAL:
                        mb = (size / 1e6, length / 1e6)
                        logging.info("%s: %.0f of %.0f MB", self.target.name, *mb)
                    if self.rate_mb:
                        due = (size - offset) / (self.rate_mb * 1e6)
                        self.sleep(max(0.0, due - (time.monotonic() - start)))
        except urllib3.exceptions.HTTPError:
            pass  # the size tells what is missing
        except OSError as error:
            raise UserError(f"{self.part} cannot be written: {error.strerror}.") from error
        if size == length:
            return
        cause = f"the connection ended after {size} of {length} bytes"
        if size <= self.max_received or size > length:
            raise _TransientError(cause)
        self.max_received = size
        logging.info("%s: %s; resuming", self.target.name, cause)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read_text(response: requests.Response, url: str) -> bytes:
    content, length = bytearray(), _length(response)
    try:
        for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
            content += chunk
            if len(content) > MAX_TEXT_BYTES:
                limit = MAX_TEXT_BYTES / 1e6
                raise UserError(f"{url} is not a list: it is longer than {limit:.0f} MB. {HINT}.")
    except urllib3.exceptions.HTTPError as error:
        raise _TransientError(f"the connection ended after {len(content)} bytes") from error
    if length is not None and len(content) != length:
        raise _TransientError(f"the connection ended after {len(content)} of {length} bytes")
    return bytes(content)


def _retry(function: Callable[[], T], url: str, policy: RetryPolicy, next_time: str) -> T:
    """Call `function` until it raises no `_TransientError`, at most `policy.attempts` times;
    `next_time` says what happens when the user starts the command again."""
    backoff = tenacity.wait_exponential_jitter(policy.first_wait, policy.max_wait)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        requested = min(getattr(error, "retry_after", 0.0), MAX_RETRY_AFTER)
        return max(requested, backoff(state))

    def log(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else 0.0
        logging.warning("%s: %s. Trying again in %.0f s", url, error, pause)

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(_TransientError),
        stop=tenacity.stop_after_attempt(policy.attempts),
        wait=wait,
        sleep=policy.sleep,
        before_sleep=log,
        reraise=True,
    )
    try:
        return retrying(function)
    except _TransientError as error:
        raise UserError(
            f"{url}: {error}, after {policy.attempts} attempts. Start the same command later: "
            f"{next_time}."
        ) from error


@contextlib.contextmanager
def _request(
    session: requests.Session, method: str, url: str, headers: dict[str, str] | None = None
) -> Iterator[requests.Response]:
    """Send a request, following redirects on the same host only, and reject error responses."""
    headers = {"Accept-Encoding": "identity", **(headers or {})}
    options: Any = {"stream": True, "timeout": TIMEOUT, "allow_redirects": False}
    address = url
    for _ in range(MAX_REDIRECTS + 1):
        try:
            response = session.request(method, address, headers=headers, **options)
            if response.is_redirect:
                address = _follow(address, response.headers["Location"])
        except ValueError as error:
            problem = f"{url} is, or redirects to, an invalid address ({error})"
            raise UserError(f"{problem}. {HINT}.") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _TransientError(f"no answer ({type(error).__name__})") from error
        with response:
            if not response.is_redirect:
                _check_status(response, url)
                yield response
                return
    raise UserError(f"{url} redirects more than {MAX_REDIRECTS} times. {HINT}.")


def _follow(url: str, location: str) -> str:
    """The address that `location` redirects to: the same host, and HTTPS if `url` was."""
    old, new = urlsplit(url), urlsplit(urljoin(url, location))
    upgrade = new.scheme == "https" and new.port is None and new.hostname == old.hostname
    if not upgrade and (new.scheme, new.netloc) != (old.scheme, old.netloc):
        raise UserError(
            f"{url} redirects to another host, {new.scheme}://{new.netloc}, which is not followed. "
            "If the data set has moved, ask its authors and set download.server."
        )
    return new.geturl()


def _check_status(response: requests.Response, url: str) -> None:
    status = response.status_code
    if status in (200, 206, 416):
        return
    if response.request.method == "HEAD" and status in HEAD_UNSUPPORTED:
        return
    problem = f"the server answers {status} {response.reason}"
    if status in TRANSIENT_STATUSES:
        raise _TransientError(problem, _parse_retry_after(response.headers.get("Retry-After", "")))
    remedy = f"{HINT}."
    if status in (401, 403):
        remedy = "Check that you were given access, and that download.server is correct."
    elif url.endswith(".mp4"):
        remedy = f"{HINT}; if a single file is gone, remove its row from the manifest."
    raise UserError(f"{url}: {problem}. {remedy}")


def _reject_page(response: requests.Response) -> None:
    content_type = response.headers.get("Content-Type", "")
    if PAGE_TYPES.match(content_type.lower()):
        raise UserError(f"{response.url} is a page ({content_type}), not a video. {PAGE_HINT}")


def _version(response: requests.Response) -> _Version:
    length = _length(response)
    if not length:
        raise _TransientError("the server does not say how long the file is")
    return _Version(length, _mark(response))


def _length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None


def _mark(response: requests.Response) -> str | None:
    """A strong ETag or else the modification time: what `If-Range` accepts (RFC 9110, 13.1.5)."""
    etag = response.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        return etag
    return response.headers.get("Last-Modified")


def _parse_retry_after(value: str) -> float:
    """The delay in seconds that a `Retry-After` header asks for, as a number or a date; else 0."""
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0
