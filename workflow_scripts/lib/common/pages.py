"""Self-contained web pages from templates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from workflow_scripts.lib.common.files import atomic_write

if TYPE_CHECKING:
    import pandas as pd

TEMPLATES = Path(__file__).parents[3] / "report" / "templates"


def render(template: str, output: Path, **content: Any) -> None:
    """Write the page of a template of `report/templates/`; all values are HTML-escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(template).render(**content)
    with atomic_write(output) as temporary:
        temporary.write_text(page, encoding="utf-8")


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A table's rows as dictionaries; empty cells become None."""
    filled = table.astype(object).where(table.notna(), None)
    return [dict(zip(table.columns, row, strict=True)) for row in filled.to_numpy()]
