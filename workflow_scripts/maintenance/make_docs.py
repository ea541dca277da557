"""Write the pages of docs/ that follow from schemas and registries."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.lib import config
from workflow_scripts.lib.data import manifest
from workflow_scripts.lib.data.datasets import LAYOUTS
from workflow_scripts.lib.features import FEATURE_SETS
from workflow_scripts.lib.training.registry import MODELS

ROOT = Path(__file__).parents[2]
MADE = "<!-- Made by `make docs` from {source}; edit that instead. -->\n\n"
TABLE_HEAD = "| key | type | default | description |\n|---|---|---|---|\n"


def configuration_page() -> str:
    """The page on the configuration, Markdown."""
    schema = yaml.safe_load(config.SCHEMA.read_text(encoding="utf-8"))
    keys = schema["properties"].items()
    lines = [
        MADE.format(source=config.SCHEMA.relative_to(ROOT)),
        "# Configuration\n\n",
        f"{schema['description']}\n",
        "Select it with `snakemake --configfile FILE`; the default is `config/config.yaml` (the "
        "demo).\n",
        f"\n## The run\n\n{TABLE_HEAD}",
        *(
            _row(key, part, key in schema["required"])
            for key, part in keys
            if not _is_section(part)
        ),
    ]
    for key, part in keys:
        if _is_section(part):
            lines.append(f"\n## `{key}`\n\n{part['description'].strip()}\n\n{TABLE_HEAD}")
            lines += _section_rows(key, part)
    return "".join(lines)


def manifest_page() -> str:
    """The page on the manifest, Markdown."""
    schema = yaml.safe_load(manifest.SCHEMA.read_text(encoding="utf-8"))
    lines = [
        MADE.format(source=manifest.SCHEMA.relative_to(ROOT)),
        "# Manifest\n\n",
        f"{schema['description'].strip()}\n"
        "The config key `manifest` names the file; `deepfake manifest --help` explains how to make "
        "one.\n\n",
        "| column | required | values | description |\n|---|---|---|---|\n",
    ]
    for column, part in schema["properties"].items():
        needed = "yes" if column in schema["required"] else ""
        values = ", ".join(f"`{value}`" for value in part.get("enum", [])) or "text"
        lines.append(f"| `{column}` | {needed} | {values} | {part['description']} |\n")
    lines.append(
        "\n## Layouts\n\n"
        "`deepfake manifest LAYOUT FOLDER --output TSV` makes a manifest of a data set on disk; "
        "`LAYOUT\n--help` lists further options. If a layout does not identify the people in the "
        "videos, the leaderboard\nshows `unknown` instead of whether a split leaks. Files with the "
        "same bytes are marked in the column\n`content`.\n\n"
        "To combine data sets, concatenate their manifests (one header, empty cells for missing "
        "columns) and\npass the result through `table`, which detects copies across them.\n\n"
        "| layout | input |\n|---|---|\n"
    )
    for name, layout in LAYOUTS.items():
        lines.append(f"| `{name}` | {_first_paragraph(layout)} |\n")
    return "".join(lines)


def _first_paragraph(function: Callable[..., Any]) -> str:
    return " ".join((function.__doc__ or "").partition("\n\n")[0].split())


def experiments_page() -> str:
    """The page on what an experiment can name, Markdown."""
    lines = [
        MADE.format(source="workflow_scripts/lib/features/ and lib/training/registry.py"),
        "# Experiments\n\n",
        "An experiment is a feature set, a model and its parameters.\n\n",
        "Feature sets can be joined by `+`, as in `spectrum+dct`, which puts their columns side by "
        "side.\n[Feature sets compared](features.md) shows how well each does on unseen people.\n\n"
        "| feature set | version | what it measures |\n|---|---|---|\n",
    ]
    for name, feature_set in FEATURE_SETS.items():
        text = " ".join((feature_set.extract.__doc__ or "").split())
        lines.append(f"| `{name}` | {feature_set.version} | {text} |\n")
    lines.append("\n| model | estimator | parameters |\n|---|---|---|\n")
    for name, model in MODELS.items():
        parameters = ", ".join(f"`{parameter}`" for parameter in model.parameters)
        lines.append(f"| `{name}` | `{model.estimator}` | {parameters} |\n")
    return "".join(lines)


PAGES = {
    "configuration.md": configuration_page,
    "manifest.md": manifest_page,
    "experiments.md": experiments_page,
}


def _is_section(part: dict[str, Any]) -> bool:
    return part["type"] == "object"


def _section_rows(key: str, part: dict[str, Any]) -> Iterator[str]:
    for name, inner in part.get("properties", {}).items():
        yield _row(f"{key}.{name}", inner, False)
    each = part.get("additionalProperties")
    if isinstance(each, dict):
        for name, inner in each["properties"].items():
            yield _row(f"{key}.NAME.{name}", inner, name in each["required"])


def _row(key: str, part: dict[str, Any], required: bool) -> str:
    kinds = part["type"] if isinstance(part["type"], list) else [part["type"]]
    values = part.get("enum", kinds)
    allowed = " or ".join(f"`{value}`" if "enum" in part else str(value) for value in values)
    default = "required" if required else f"`{json.dumps(part['default'])}`"
    return f"| `{key}` | {allowed} | {default} | {part['description'].strip()} |\n"


def main() -> int:
    """Write the pages."""
    for name, page in PAGES.items():
        path = ROOT / "docs" / name
        path.write_text(page(), encoding="utf-8")
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
