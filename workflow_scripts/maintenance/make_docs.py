"""Write the pages of docs/ that are generated from schemas and registries."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.lib import config
from workflow_scripts.lib.data import manifest
from workflow_scripts.lib.data.datasets import LAYOUTS
from workflow_scripts.lib.features import FEATURE_SETS
from workflow_scripts.lib.training.registry import MODELS

ROOT = Path(__file__).parents[2]
HEADER = "<!-- Made by `make docs` from {source}; edit that instead. -->\n\n"
TABLE_HEAD = "| key | type | default | description |\n|---|---|---|---|\n"


def configuration_page() -> str:
    """The page on the configuration, Markdown."""
    schema = yaml.safe_load(config.SCHEMA.read_text(encoding="utf-8"))
    sections = {key: part for key, part in schema["properties"].items() if part["type"] == "object"}
    lines = [
        HEADER.format(source=config.SCHEMA.relative_to(ROOT)),
        "# Configuration\n\n",
        f"{schema['description']}\n",
        "Choose it with `snakemake --configfile FILE`; the default is `config/config.yaml` (the "
        "demo).\n",
        f"\n## The run\n\n{TABLE_HEAD}",
        *(
            _row(key, part, key in schema["required"])
            for key, part in schema["properties"].items()
            if key not in sections
        ),
    ]
    for key, part in sections.items():
        lines.append(f"\n## `{key}`\n\n{part['description'].strip()}\n\n{TABLE_HEAD}")
        lines += _section_rows(key, part)
    return "".join(lines)


def manifest_page() -> str:
    """The page on the manifest, Markdown."""
    schema = yaml.safe_load(manifest.SCHEMA.read_text(encoding="utf-8"))
    lines = [
        HEADER.format(source=manifest.SCHEMA.relative_to(ROOT)),
        "# Manifest\n\n",
        f"{schema['description'].strip()} The config names it under `manifest`;\n"
        "`deepfake manifest --help` describes how to make one from folders.\n\n",
        "| column | needed | values | description |\n|---|---|---|---|\n",
    ]
    for column, part in schema["properties"].items():
        needed = "yes" if column in schema["required"] else ""
        values = ", ".join(f"`{value}`" for value in part.get("enum", [])) or "text"
        lines.append(f"| `{column}` | {needed} | {values} | {part['description']} |\n")
    lines.append(
        "\n## Layouts\n\n"
        "`deepfake manifest LAYOUT FOLDER --output TSV` makes a manifest of a data set on disk;\n"
        "`LAYOUT --help` lists further options. If a layout does not name the people in the\n"
        "videos, the leaderboard shows `unknown` instead of whether a split leaks. Files with the\n"
        "same bytes are marked in the column `content`. To join data sets, concatenate their\n"
        "manifests (one header, empty cells for missing columns) and pass the result through\n"
        "`table`, which detects copies across them.\n\n"
        "| layout | input |\n|---|---|\n"
    )
    for name, layout in LAYOUTS.items():
        summary = " ".join((layout.__doc__ or "").partition("\n\n")[0].split())
        lines.append(f"| `{name}` | {summary} |\n")
    return "".join(lines)


def experiments_page() -> str:
    """The page on feature sets and models, Markdown."""
    lines = [
        HEADER.format(source="workflow_scripts/lib/features/ and lib/training/registry.py"),
        "# Experiments\n\n",
        "An experiment is a feature set, a model and its parameters.\n\n",
        "Feature sets joined by `+`, such as `spectrum+dct`, are concatenated.\n"
        "[Their accuracy](features.md) on people that a forest has not been trained on.\n\n"
        "| feature set | version | description |\n|---|---|---|\n",
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


def _section_rows(key: str, part: dict[str, Any]) -> Iterator[str]:
    for name, inner in part.get("properties", {}).items():
        yield _row(f"{key}.{name}", inner, False)
    named = part.get("additionalProperties")
    if isinstance(named, dict):
        for name, inner in named["properties"].items():
            yield _row(f"{key}.NAME.{name}", inner, name in named["required"])


def _row(key: str, part: dict[str, Any], required: bool) -> str:
    types = part["type"] if isinstance(part["type"], list) else [part["type"]]
    allowed = " or ".join([f"`{value}`" for value in part.get("enum", [])] or types)
    default = "needed" if required else f"`{json.dumps(part['default'])}`"
    return f"| `{key}` | {allowed} | {default} | {part['description'].strip()} |\n"


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        path = ROOT / "docs" / name
        path.write_text(page(), encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
