"""Pictures of what people open, for the documents: run by scripts/screenshots."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser import ARGUMENTS, browser_path  # noqa: E402 - only where the checkout is on the path

AS_OF = "2026-11-22T06:00:00Z"
MOST_BYTES = 150_000
COLOURS = 255


@dataclass(frozen=True, slots=True)
class Picture:
    """One file in docs/: what is opened, how large, and what is done before it is taken."""

    file: str
    width: int
    height: int
    scheme: str = "light"
    scale: float = 1
    script: str = ""


PICTURES = (
    Picture("report-light.png", 1200, 1150, scale=1),
    Picture(
        "report-dark.png",
        1200,
        900,
        scheme="dark",
        script="document.querySelector('.thing details').open = true; "
        "document.getElementById('things').scrollIntoView()",
    ),
    Picture("report-phone.png", 375, 1000, scale=1.5),
)


def main() -> None:
    """Writes every picture; fails where one is too large for a document."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page = Path(folder) / "report.html"
        audit = [sys.executable, "-m", "auditor", "audit", "--quiet", "--snapshot", "fixtures/demo", "--as-of", AS_OF]
        subprocess.run([*audit, "--format", "html", "--output", str(page)], cwd=ROOT, check=True)  # noqa: S603
        browser = playwright.chromium.launch(executable_path=browser_path(), args=list(ARGUMENTS))
        for picture in PICTURES:
            path = ROOT / "docs" / picture.file
            path.write_bytes(reduced(taken(browser, page, picture)))
            size = path.stat().st_size
            print(f"{path.relative_to(ROOT)}: {size:,} bytes")  # noqa: T201 - a script
            if size > MOST_BYTES:
                sys.exit(f"{path} is larger than {MOST_BYTES:,} bytes: take less of the page")
        browser.close()


def taken(browser: Browser, page: Path, picture: Picture) -> bytes:
    """What the browser shows, as PNG."""
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.scheme == "dark" else "light",
        device_scale_factor=picture.scale,
        reduced_motion="reduce",
    )
    tab = context.new_page()
    tab.goto(page.as_uri())
    if picture.script:
        tab.evaluate(picture.script)
    shot = tab.screenshot()
    context.close()
    return shot


def reduced(picture: bytes) -> bytes:
    """The same with few colours, a third as large."""
    written = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as opened:
        opened.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return written.getvalue()


if __name__ == "__main__":
    main()
