"""Make the README's picture: the top of a report, in a headless browser, as a small PNG.

python -m benchmarks.nights --corpus CORPUS --keep outputs/nights
python -m benchmarks.picture outputs/nights/2026-11-21/report.html demo/report.png
"""

import argparse
import io
from pathlib import Path

from PIL import Image

from tests.browser import running_browser

WIDTH, HEIGHT, COLOURS = 1100, 1180, 96


def main() -> None:
    """Parse the options, take the picture, write it."""
    parser = argparse.ArgumentParser(description="Make the README's picture of a report.")
    parser.add_argument("report", type=Path, help="report.html")
    parser.add_argument("picture", type=Path, help="PNG to write")
    given = parser.parse_args()
    with running_browser() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(given.report.resolve().as_uri())
        shot = page.screenshot()
    picture = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS)
    picture.save(given.picture, optimize=True)
    print(f"{given.picture}: {given.picture.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
