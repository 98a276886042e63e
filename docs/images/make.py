# ruff: noqa: INP001 - a script beside its pictures, no package
"""Remake the pictures of the documentation from a demo: ``make docs-images``.

Each picture is a part of the report of ``pprl demo`` as Chromium shows it at desktop width, in the
language of the page that has it. All data is synthetic: no picture shows a real person. Needs
Chromium and the test environment; nothing is sent anywhere.

    python docs/images/make.py DEMO

DEMO is the folder of ``pprl demo --seed 7``; the report in Bahasa Indonesia is made from it, too.
"""

from __future__ import annotations

import base64
import json
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.e2e.conftest import NAMES, Browser  # noqa: E402 - needs the line above

WIDTH = 1040  # CSS pixels: a desk, and still readable at the width of a page of documentation
TALLEST = 1100  # CSS pixels; the rest of a long table is cut off
MARGIN = 16
MOST_BYTES = 150_000
DAY = "2024-12-31"  # what counts as today in the demo
PICTURES = {
    "answer": ("body", "#answer"),
    "funnel": ("#funnel", "#funnel"),
    "heat-map": ("#table", "#table"),
    "work": ("#work", "#work .block:nth-of-type(2)"),
    "match": ("#match", "#match"),
    "minutes": ("#minutes", "#minutes"),
}
"""Picture -> from the top of which part of the report, to the bottom of which."""
PIXELS = """(async () => {
  const picture = new Image();
  picture.src = "data:image/png;base64,DATA";
  await picture.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  const paper = canvas.getContext("2d");
  paper.drawImage(picture, 0, 0);
  const bytes = paper.getImageData(0, 0, canvas.width, canvas.height).data;
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768)
    text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
})()"""
"""Script that returns the pixels of a PNG: red, green, blue and opacity of each, in base64."""


def main() -> None:
    """Make every picture in both languages, and say how large each is."""
    demo = Path(sys.argv[1]).resolve()
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        sys.exit("no Chromium on this machine")
    with tempfile.TemporaryDirectory() as folder:
        reports = {"en": demo / "report.html", "id": in_indonesian(demo, Path(folder))}
        profile = Path(folder) / "chromium"
        profile.mkdir()
        browser = Browser(program, profile)
        try:
            for language, report in reports.items():
                browser.open(report, width=WIDTH)
                for name, (first, last) in PICTURES.items():
                    take(browser, first, last, HERE / f"{name}-{language}.png")
        finally:
            browser.close()


def in_indonesian(demo: Path, folder: Path) -> Path:
    """Return the report of a demo in Bahasa Indonesia."""
    home, report = demo / "parties" / "dppkb", folder / "laporan.html"
    subprocess.run(  # noqa: S603 - our own program
        [
            *(sys.executable, "-c", "from pprl_cli.main import run; run()", "--lang", "id"),
            *("assign", demo / "data" / "krs.csv", "--run", demo / "exchange", "--home", home),
            *("--passphrase-file", home / "passphrase", "--out", folder / "tugas"),
            *("--csv-only", "--day", DAY, "--report", report),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return report


def take(browser: Browser, first: str, last: str, path: Path) -> None:
    """Save a part of the open page as PNG."""
    top, bottom = browser.evaluate(
        f"""[document.querySelector({json.dumps(first)}).getBoundingClientRect().top + scrollY,
        document.querySelector({json.dumps(last)}).getBoundingClientRect().bottom + scrollY]"""
    )
    top = max(0, round(top) - MARGIN)
    height = min(round(bottom) + MARGIN - top, TALLEST)
    clip = {"x": 0, "y": top, "width": WIDTH, "height": height, "scale": 1}
    shot = browser.call("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    pixels = browser.evaluate(PIXELS.replace("DATA", shot["data"]))
    colours = np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(height, WIDTH, 4)
    data = small_png(colours[:, :, :3])
    if len(data) >= MOST_BYTES:
        sys.exit(f"{path.name} has {len(data):,} bytes, more than {MOST_BYTES:,}")
    path.write_bytes(data)
    sys.stdout.write(f"{path.name}: {height} pixels high, {len(data):,} bytes\n")


def small_png(pixels: np.ndarray) -> bytes:
    """Return a PNG of at most 256 colours: a third of what Chromium writes.

    Text on white has few colours. Those that are rare, at the edges of letters, go to the nearest
    of the 256 most frequent.
    """
    height, width, _ = pixels.shape
    packed = pixels.reshape(-1, 3).astype(np.int64) @ (65536, 256, 1)
    found, where, counts = np.unique(packed, return_inverse=True, return_counts=True)
    kept = np.sort(found[np.argsort(-counts, kind="stable")[:256]])
    parts = [np.stack([each >> 16, each >> 8 & 255, each & 255], axis=1) for each in (found, kept)]
    nearest = np.abs(parts[0][:, None, :] - parts[1][None, :, :]).sum(axis=2).argmin(axis=1)
    rows = nearest[where].astype(np.uint8).reshape(height, width)
    lines = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    palette = parts[1].astype(np.uint8).tobytes()
    chunks = ((b"IHDR", head), (b"PLTE", palette), (b"IDAT", zlib.compress(lines.tobytes(), 9)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in (*chunks, (b"IEND", b"")))


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a part of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


if __name__ == "__main__":
    main()
