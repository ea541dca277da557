"""Stack the strips of several videos of one label into one picture."""

from pathlib import Path

from PIL import Image, ImageDraw

from workflow_scripts.lib.common.files import write_jpeg

TITLE_HEIGHT = 18  # pixels above each strip


def main(strips: list[Path], sheet: Path) -> None:
    """Write one picture (JPEG) of `strips` (JPEG, named after their videos)."""
    pictures = {path.stem: Image.open(path).convert("RGB") for path in strips}
    width = max((picture.width for picture in pictures.values()), default=1)
    height = sum(picture.height + TITLE_HEIGHT for picture in pictures.values())
    stacked = Image.new("RGB", (width, max(height, 1)), "white")
    draw = ImageDraw.Draw(stacked)
    top = 0
    for video, picture in pictures.items():
        draw.text((2, top + 3), video, fill="black")
        stacked.paste(picture, (0, top + TITLE_HEIGHT))
        top += picture.height + TITLE_HEIGHT
    write_jpeg(sheet, stacked)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)
