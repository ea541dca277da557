"""Lay the strips of several videos of one label below each other."""

from pathlib import Path

from PIL import Image, ImageDraw

from workflow_scripts.lib.common.files import write_jpeg

TITLE = 18  # pixels above each strip


def main(strips: list[Path], output: Path) -> None:
    """Write one picture (JPEG) of `strips` (JPEG, named after their videos)."""
    pictures = [_read(path) for path in strips]
    width = max((picture.width for picture in pictures), default=1)
    height = sum(picture.height + TITLE for picture in pictures)
    sheet = Image.new("RGB", (width, max(height, 1)), "white")
    draw = ImageDraw.Draw(sheet)
    top = 0
    for path, picture in zip(strips, pictures, strict=True):
        draw.text((2, top + 3), path.stem, fill="black")
        sheet.paste(picture, (0, top + TITLE))
        top += picture.height + TITLE
    write_jpeg(output, sheet)


def _read(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main([Path(path) for path in snakemake.input.strips], Path(snakemake.output[0]))
