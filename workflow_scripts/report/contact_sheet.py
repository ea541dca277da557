"""Lay the strips of several videos of one label below each other."""

from pathlib import Path

from PIL import Image, ImageDraw

from workflow_scripts.lib.common.files import write_jpeg

TITLE = 18  # pixels above each strip


def main(strips: list[Path], sheet: Path) -> None:
    """Write one picture (JPEG) of `strips` (JPEG, named after their videos)."""
    pictures = [_read(path) for path in strips]
    width = max((picture.width for picture in pictures), default=1)
    height = sum(picture.height + TITLE for picture in pictures)
    picture = Image.new("RGB", (width, max(height, 1)), "white")
    draw = ImageDraw.Draw(picture)
    top = 0
    for path, strip in zip(strips, pictures, strict=True):
        draw.text((2, top + 3), path.stem, fill="black")
        picture.paste(strip, (0, top + TITLE))
        top += strip.height + TITLE
    write_jpeg(sheet, picture)


def _read(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)
