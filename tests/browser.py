"""Pages opened in headless Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
OWN = (
    "google.com",
    "googleapis.com",
    "gvt1.com",
    "googleusercontent.com",
)  # what Chromium asks for

needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")


def look_at(page: Path, question: str, scratch: Path, width: int) -> tuple[str, str, list[str]]:
    """Open a page in a window of `width` pixels and run the JavaScript `question` in it.

    Returns
    -------
    (answer, text, asked)
        What `question` returns, as text; the page as the browser then holds it; and the addresses
        on the network that it asked for.
    """
    assert CHROMIUM
    probe = (
        f"<script>addEventListener('load', () => {{ document.body.dataset.found = String((() => "
        f"{{ {question} }})()) }})</script>"
    )
    probed = page.with_name(f"probed-{page.name}")
    probed.write_text(page.read_text().replace("</body>", f"{probe}</body>"))
    log = scratch / "net.json"
    command = [CHROMIUM, "--headless", "--disable-gpu", f"--window-size={width},900"]
    command += ["--no-sandbox"] if os.geteuid() == 0 else []
    command += ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
    command += [f"--user-data-dir={scratch / 'profile'}", f"--log-net-log={log}", "--dump-dom"]
    ended = subprocess.run([*command, probed.as_uri()], capture_output=True, text=True, check=True)
    found = re.search(r'data-found="([^"]*)"', ended.stdout)
    assert found, ended.stdout[-500:]
    asked = re.findall(r'"url":"(https?://[^"]+)"', log.read_text())
    return found[1], ended.stdout, [u for u in asked if not u.split("/")[2].endswith(OWN)]
