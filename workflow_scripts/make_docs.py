"""Write the pages of docs/ that describe the config and the manifest, from their schemas."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.lib import config, manifest

ROOT = Path(__file__).parents[1]
MADE = "<!-- Made by `make docs` from {schema}; edit that instead. -->\n\n"


def configuration_page() -> str:
    """The page on the configuration, Markdown."""
    schema = yaml.safe_load(config.SCHEMA.read_text(encoding="utf-8"))
    lines = [
        MADE.format(schema=config.SCHEMA.relative_to(ROOT)),
        "# Configuration\n\n",
        f"{schema['description']}\n",
        "Choose it with `snakemake --configfile FILE`; without, `config/config.yaml` (the demo) is "
        "taken.\n",
    ]
    for section, title in ((False, "The run"), (True, None)):
        if title:
            lines.append(f"\n## {title}\n\n" + _table_head())
        for key, part in schema["properties"].items():
            if _is_section(part) != section:
                continue
            if section:
                lines.append(f"\n## `{key}`\n\n{part['description'].strip()}\n\n" + _table_head())
                lines += _section_rows(key, part)
            else:
                lines.append(_row(key, part, key in schema["required"]))
    return "".join(lines)


def manifest_page() -> str:
    """The page on the manifest, Markdown."""
    schema = yaml.safe_load(manifest.SCHEMA.read_text(encoding="utf-8"))
    lines = [
        MADE.format(schema=manifest.SCHEMA.relative_to(ROOT)),
        "# Manifest\n\n",
        f"{schema['description'].strip()} The config names it under `manifest`;\n"
        "`python -m workflow_scripts.make_manifest --help` tells how to make one from folders.\n\n",
        "| column | needed | values | description |\n|---|---|---|---|\n",
    ]
    for column, part in schema["properties"].items():
        needed = "yes" if column in schema["required"] else ""
        values = ", ".join(f"`{value}`" for value in part.get("enum", [])) or "text"
        lines.append(f"| `{column}` | {needed} | {values} | {part['description']} |\n")
    return "".join(lines)


def _is_section(part: dict[str, Any]) -> bool:
    return part["type"] == "object"


def _section_rows(key: str, part: dict[str, Any]) -> Iterator[str]:
    for name, inner in part.get("properties", {}).items():
        yield _row(f"{key}.{name}", inner, False)
    each = part.get("additionalProperties")
    if isinstance(each, dict):
        for name, inner in each["properties"].items():
            yield _row(f"{key}.NAME.{name}", inner, name in each["required"])


def _table_head() -> str:
    return "| key | type | default | description |\n|---|---|---|---|\n"


def _row(key: str, part: dict[str, Any], required: bool) -> str:
    kinds = part["type"] if isinstance(part["type"], list) else [part["type"]]
    kind = " or ".join(str(name) for name in kinds)
    if "enum" in part:
        kind = " or ".join(f"`{value}`" for value in part["enum"])
    default = (
        "needed"
        if required
        else f"`{yaml.safe_dump(part['default'], default_flow_style=True).splitlines()[0]}`"
    )
    return f"| `{key}` | {kind} | {default} | {part['description'].strip()} |\n"


def main() -> int:
    """Write both pages."""
    for name, page in (("configuration", configuration_page()), ("manifest", manifest_page())):
        path = ROOT / "docs" / f"{name}.md"
        path.write_text(page, encoding="utf-8")
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
