"""Where data sets that are not the user's own files are looked for, and how they are fetched into the cache."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from fpga_flow import doing
from fpga_flow.whole import whole_file

_TIMEOUT = 30  # seconds without an answer
_CHUNK = 1 << 20


def cache() -> Path:
    """The user's cache folder of this package."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fpga_flow"


def folders(name: str) -> list[Path]:
    """Where the files of a data set are looked for: below $FPGA_FLOW_DATA, ./data and the user's cache folder."""
    given = os.environ.get("FPGA_FLOW_DATA")
    return [*([Path(given, name)] if given else []), Path("data", name), cache() / name]


def mirror(name: str) -> str | None:
    """The address of the folder of a data set on the user's own mirror, $FPGA_FLOW_MIRROR/<name>, if there is one."""
    given = os.environ.get("FPGA_FLOW_MIRROR")
    return f"{given.rstrip('/')}/{name}" if given else None


def fetch(url: str, most: int) -> bytes:
    """The content at an address of https, http or file, of at most so many bytes.

    Raises:
        OSError, http.client.HTTPException: it can't be had.
        ValueError: it is longer, or an address of another kind.
    """
    return b"".join(_chunks(url, most))


def fetch_into(path: Path, url: str, most: int) -> str:
    """Write the content at an address into a new file as it comes in, see `fetch`. Its MD5, in hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "xb") as file:
        for chunk in _chunks(url, most):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _chunks(url: str, most: int) -> Iterator[bytes]:
    if not url.startswith(("https://", "http://", "file://")):
        raise ValueError(f"expected a URL of https, http or file, got {url}")
    left, name = most, url.rpartition("/")[2]
    doing.now(f"MB of {name} downloaded")
    try:
        answer = urllib.request.urlopen(url, timeout=_TIMEOUT)  # noqa: S310  (checked above)
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        raise
    length = getattr(answer, "length", None)  # None where the server does not say; only files have no such thing
    total = None if length is None else -(-length // _CHUNK)
    with answer as response:
        while chunk := response.read(min(_CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise ValueError(f"expected at most {most} bytes, got more")
            yield chunk
            doing.now(f"MB of {name} downloaded", -((left - most) // _CHUNK), total)


def write_at_once(path: Path, content: bytes) -> None:
    """Write by one rename, so that a killed download leaves no half file."""
    with whole_file(path) as unfinished:
        unfinished.write_bytes(content)
