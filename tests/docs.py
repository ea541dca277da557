"""Reads the project's pages, and tells what they name that does not exist.

Whatever stands in backticks has to be something that is known here: a command, an option, a file, a
key, a column, a name. What is none of these is listed in `PLAIN`.
"""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import jsonschema
import typer
import yaml
from snakemake.cli import get_argument_parser
from snakemake.exceptions import CliException, WorkflowError

from workflow_scripts.cli.main import app
from workflow_scripts.lib import config
from workflow_scripts.lib.data import manifest
from workflow_scripts.lib.faces.status import FrameStatus, VideoStatus
from workflow_scripts.lib.features import FEATURE_SETS
from workflow_scripts.lib.training.registry import MODELS
from workflow_scripts.lib.verdicts import summary

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(path for folder in ("docs", "profiles") for path in sorted((ROOT / folder).glob("*.md"))),
    *sorted((ROOT / "report").glob("*.rst")),
]
# Columns, keys and arrays that no schema has: tests/workflow/test_docs_columns.py holds them
# against a run.
OF_A_RUN = {
    *("leak", "tested_on", "format", "reproducible", "environment", "measured", "digest"),
    *("crops", "frame", "time", "confidence", "box", "keypoints"),
}
SET_BY_RULES = {"report.demo"}  # keys that rules/common.smk adds to the config
# What commands write outside of rules, and what stands for a reader's own.
WRITTEN = {
    *("verdict.json", "verdict.html", "results/demo/report.html", "slurm_logs/"),
    "results/<run>/.lock",
}
EXAMPLES = {
    *("FILE", "part1.yaml", "config/mine.yaml", "profiles/mine", "FOLDER/real/", "FOLDER/fake/"),
    *("real/", "fake/", "NAME.json", "NAME.zarr", "spectrum.json", "spectrum.zarr"),
}
PLAIN = {
    # Python, its packages, and what is special here
    *("main", "float", "int", "json", "i", "ValueError", "InvalidArgumentError", "UserError"),
    *("_layer", "mtcnn", "pip", "venv", ".venv", "PixelForestClassifier", "slow", "FFPP_SAMPLE"),
    *("RandomForestClassifier", "RESULTS", "FIGURES", "left_out", ".….partial", "train_..."),
    # Snakemake
    *("SNAKEMAKE_PROFILE", "threads:", "resources:", "priority", "cache: True", ".snakemake/"),
    *("slurm_account", "rule all", "module:"),
    # other programs
    *("tmux", "screen", "squeue", "sacct", "scancel", "MinJobAge", "scontrol show config"),
    *("slurmctld slurmd slurm-client munge", "module load python/3.11", "pre-commit install"),
    *("apt-get install --no-install-recommends slurmctld slurmd slurm-client munge", "kill -9"),
    *("cp -r profiles/slurm profiles/mine", "source .venv/bin/activate", "-vf transpose=1"),
    *("ffmpeg -i OLD -vf hflip,vflip NEW.mp4", "ffmpeg -i OLD -vf yadif NEW.mp4"),
    # data sets, and how their files and people are called
    *("train.json", "val.json", "test.json", "metadata.json", "List_of_testing_videos.txt", "/v3/"),
    *("target_source.mp4", "target_source", "idTARGET_idSOURCE_NNNN", "YouTube-real", "original"),
    *("id3*", "DATASET:NAME", "group:NAME", "LAYOUT --help"),
    # values
    *("unknown", "yes", "no", "spread"),
}
FOLDERS = ("workflow_scripts", "lib", "rules", "config", "docs", "envs", "profiles", "report")
COMMAND = re.compile(
    r'(?:[A-Z_]+=(?:"[^"]*"|\S+) )*(?P<program>snakemake|make|deepfake|python)(?: |$)'
)
SETTING = re.compile(r"(?P<key>[\w.-]+): ?(?P<value>.*)")
WILDCARD = re.compile(r"\{(\w+),?((?:[^{}]|\{\d+\})*)\}")
# what a word is said to be: "column `", "columns `one`, `two` and `"
SAID = re.compile(r"(\w+)(?: |(?<=s) (?:`[^`]+`,? (?:and |or )?)+)$")


class NotThereError(Exception):
    """What a page names does not exist."""


@dataclass(frozen=True)
class Word:
    """Something to be checked, and where it stands."""

    page: Path
    line: int
    text: str
    before: str = ""  # in its paragraph or row
    head: str = ""  # of the table whose row it begins

    def __str__(self) -> str:
        inside = self.page.is_relative_to(ROOT)
        place = self.page.relative_to(ROOT) if inside else self.page.name
        return f"{place}:{self.line}: `{self.text}`"


@dataclass(frozen=True)
class Part:
    """A block of code, a paragraph, or a row of a table."""

    line: int
    text: str
    language: str | None = None  # of a block
    head: str = ""  # of a table's first column


def parts_of(page: Path) -> Iterator[Part]:
    """What a page is made of."""
    head = ""
    lines = list(enumerate(page.read_text(encoding="utf-8").splitlines(), 1))
    while lines:
        number, line = lines.pop(0)
        head = (head or line.split("|")[1].strip()) if line.startswith("|") else ""
        if line.startswith("```"):
            block = _take(lines, lambda text: not text.startswith("```"))
            del lines[:1]  # the fence
            yield Part(number + 1, "\n".join(block), language=line.strip("`"))
        elif line.startswith("    "):
            block = _take(lines, lambda text: text.startswith("    "))
            yield Part(number, "\n".join([line, *block]), language="")
        elif line.startswith("|"):
            yield Part(number, line, head=head)
        elif line.strip():
            more = _take(lines, lambda text: text.strip() and not text.startswith(("|", "```")))
            yield Part(number, "\n".join([line, *more]))


def _take(lines: list[tuple[int, str]], wanted: Callable[[str], object]) -> list[str]:
    """The next lines, as long as they are wanted."""
    taken = []
    while lines and wanted(lines[0][1]):
        taken.append(lines.pop(0)[1])
    return taken


def words_of(page: Path) -> Iterator[Word]:
    """All that stands in backticks."""
    for part in parts_of(page):
        if part.language is not None:
            continue
        for found in re.finditer(r"(`+)(.+?)\1", part.text, re.DOTALL):
            before = part.text[: found.start()]
            head = part.head if before.count("|") == 1 else ""
            text, line = " ".join(found[2].split()), part.line + before.count("\n")
            yield Word(page, line, text, " ".join(before.split()) + " ", head)


def commands_of(page: Path) -> Iterator[Word]:
    """The project's commands in blocks of code, and in the comments there."""
    for part in parts_of(page):
        if part.language is None:
            continue
        line = part.line
        for text in re.split(r"(?<!\\)\n", part.text):
            for command in text.replace("\\\n", " ").split("# "):
                if COMMAND.match(command.strip()):
                    yield Word(page, line, " ".join(command.split()))
            line += 1 + text.count("\n")


def settings_of(page: Path) -> Iterator[Word]:
    """The configs that are shown."""
    for part in parts_of(page):
        if part.language == "yaml":
            yield Word(page, part.line, part.text)


def template_keys_of(page: Path) -> Iterator[Word]:
    """The keys of the config that a text of the report takes."""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        for found in re.finditer(r'snakemake\.config((?:\["\w+"\])+)', line):
            yield Word(page, number, ".".join(re.findall(r"\w+", found[1])))


def keys_of(schema: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """The dotted keys of a schema; NAME is one that the writer of a config chooses."""
    parts = dict(schema.get("properties", {}))
    if isinstance(schema.get("additionalProperties"), dict):
        parts["NAME"] = schema["additionalProperties"]
    for key, part in parts.items():
        yield f"{above}{key}"
        yield from keys_of(part, f"{above}{key}.")


def properties_of(schema: Any) -> Iterator[str]:
    """The keys that a schema has anywhere."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        schema = list(schema.values())
    for part in schema if isinstance(schema, list) else ():
        yield from properties_of(part)


def values_of(schema: Any) -> Iterator[str]:
    """The values that a schema lists."""
    if isinstance(schema, dict):
        yield from map(str, schema.get("enum", ()))
        schema = list(schema.values())
    for part in schema if isinstance(schema, list) else ():
        yield from values_of(part)


def subcommands(command: click.Command) -> dict[str, click.Command]:
    """The commands right below one."""
    return dict(getattr(command, "commands", {}))


def options_of(command: click.Command) -> set[str]:
    """The options of a command."""
    return {"--help", "-h", *(name for part in command.params for name in part.opts)}


def options_below(command: click.Command) -> set[str]:
    """The options of a command and of all below it."""
    return options_of(command).union(*map(options_below, subcommands(command).values()))


def names_in_tests() -> Iterator[str]:
    """Tests and fixtures."""
    for path in (ROOT / "tests").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        yield from re.findall(r"^def (test_\w+)", text, re.MULTILINE)
        yield from re.findall(r"^@pytest\.fixture.*\ndef (\w+)", text, re.MULTILINE)


def outputs_of(rules: Iterable[Any]) -> Iterator[str]:
    """The files of a run, without its folder."""
    yield "store.zarr"  # the tree that store.json marks
    for rule in rules:
        for path in map(str, (*rule.output, *rule.log)):
            yield re.sub("^results/[^/]+/", "", path)


def expression(output: str) -> str:
    """What a page may call a file: a wildcard is `<its name>`, `*` or a value that it may have."""
    parts, end = [], 0
    for found in WILDCARD.finditer(output):
        value = found[2] or "[^/]+"
        parts += [re.escape(output[end : found.start()]), rf"(?:<{found[1]}\b[^>]*>|\*|{value})"]
        end = found.end()
    return "".join([*parts, re.escape(output[end:])])


def spellings(output: str) -> Iterator[str]:
    """A file, its folders, and the file without folders where that tells which it is."""
    parts = output.split("/")
    yield output
    yield from ("/".join(parts[:number]) + "/" for number in range(1, len(parts)))
    if "{" not in parts[-1]:
        yield parts[-1]


def is_value(text: str) -> bool:
    """Whether it is a value as JSON has them: a default."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def need(true: object, message: str) -> None:
    """Tell what is not there."""
    if not true:
        raise NotThereError(message)


def read_yaml(name: str | Path) -> Any:
    """The content of a file of the project."""
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


class Checker:
    """What there is, and what of a page is no part of it."""

    def __init__(self, rules: Mapping[str, Any]):
        """Gather what there is; `rules` are the workflow's."""
        self.rules = set(rules)
        self.schema, rows = read_yaml(config.SCHEMA), read_yaml(manifest.SCHEMA)
        self.keys = {*keys_of(self.schema), *SET_BY_RULES}
        self.deepfake = typer.main.get_command(app)
        self.snakemake = get_argument_parser([])
        self.snakemake.allow_abbrev = False
        self.groups = set(read_yaml("profiles/slurm/config.yaml")["groups"].values())
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        self.targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
        variable = r"^(?:override export )?([A-Z]+) [:?]?="
        self.variables = set(re.findall(variable, makefile, re.MULTILINE))
        self.outputs = set(outputs_of(rules.values()))
        self.spellings = {spelling for path in self.outputs for spelling in spellings(path)}
        verdict = json.loads((ROOT / "config/schemas/verdict.schema.json").read_text())
        columns = {*rows["properties"], *summary.COLUMNS, *OF_A_RUN, "train_..."}
        columns |= set(properties_of(verdict))
        sections = self.schema["properties"]
        layouts = subcommands(subcommands(self.deepfake)["manifest"])
        self.after = {  # what comes after a word, or its plural
            "column": columns,
            "protocol": set(values_of(sections["splits"])),
            "backend": set(values_of(sections["detector"])),
            "rule": self.rules,
            "job": self.rules,
        }
        self.below = {  # what is told of in a table's first column
            "column": set(rows["properties"]),
            "key": self.keys,
            "feature set": set(FEATURE_SETS),
            "model": set(MODELS),
            "layout": set(layouts),
        }
        self.names = {
            *(key.rpartition(".")[2] for key in self.keys),
            *self.keys,
            *columns,
            *values_of([self.schema, rows]),
            *sections["experiments"]["default"],
            *read_yaml("config/config.yaml")["experiments"],
            *self.rules,
            *FEATURE_SETS,
            *MODELS,
            *(name for model in MODELS.values() for name in (model.estimator, *model.parameters)),
            *map(str, (*VideoStatus, *FrameStatus)),
            *layouts,
            *names_in_tests(),
        }

    def problems(self, page: Path) -> list[str]:
        """What a page names that does not exist."""
        found = [(word, self.check_word) for word in words_of(page)]
        found += [(word, self.check_command) for word in commands_of(page)]
        found += [(word, self.check_settings) for word in settings_of(page)]
        found += [(word, self.check_key) for word in template_keys_of(page)]
        problems = []
        for word, check in found:
            try:
                check(word)
            except NotThereError as error:
                problems.append(f"{word}: {error}")
        return problems

    def check_word(self, word: Word) -> None:
        """Check what stands in backticks."""
        text, said = word.text, SAID.search(word.before)
        what = word.head if word.head in self.below else said[1].removesuffix("s") if said else ""
        kind = self.below.get(word.head) or self.after.get(what)
        setting = SETTING.fullmatch(text)
        if kind:
            need(text in kind, f"no such {what}")
        elif text in PLAIN | EXAMPLES | WRITTEN | self.names or is_value(text):
            return
        elif text.startswith("{{"):
            return  # see `template_keys_of`
        elif COMMAND.match(text):
            self.check_command(word)
        elif " --" in text or text.startswith("-"):
            self.check_options(text)
        elif re.fullmatch(r"[A-Z]+=\S+", text):
            need(text.partition("=")[0] in self.variables, "no variable of the Makefile")
        elif setting:
            self.check_setting(setting["key"], setting["value"])
        elif set(text.split("+")) <= {*FEATURE_SETS, ""} or self.has_option(f"--{text}"):
            return
        elif "/" in text or "." in text:
            self.check_file(text, word.page)
        else:
            raise NotThereError("nothing is called so (if that is right: PLAIN in tests/docs.py)")

    def check_command(self, word: Word) -> None:
        """Check a command and what it is given."""
        found = COMMAND.match(word.text)
        assert found
        arguments = shlex.split(word.text[found.end() :], comments=True)
        getattr(self, f"check_{found['program']}")(arguments)

    def check_options(self, text: str) -> None:
        """Check options of a command that is not named."""
        name, *values = shlex.split(text)
        need(self.has_option(name), "no option of snakemake or deepfake")
        if values and name in self.snakemake._option_string_actions:
            self.check_snakemake([name, *values])

    def has_option(self, name: str) -> bool:
        """Whether one of the two programs has an option."""
        return name in {*self.snakemake._option_string_actions, *options_below(self.deepfake)}

    def check_snakemake(self, arguments: list[str]) -> None:
        """Check targets, options, keys, rules and files."""
        given = self._parsed([re.sub("=N$", "=1", text) for text in arguments])
        for target in given.targets:
            need(target in self.rules or self.is_made(target), f"nothing makes {target}")
        for setting in given.config or ():
            key = setting.partition("=")[0]
            need(key in self.schema["properties"], f"no key {key} of the config")
        for path in given.configfile or ():
            need(str(path) in EXAMPLES or (ROOT / path).exists(), f"no file {path}")
        for name in given.profile or ():
            need(name in EXAMPLES or (ROOT / name).is_dir(), f"no profile {name}")
        batch = {given.batch.rulename} if given.batch else set()
        for rule in {*given.until, *given.set_threads, *batch}:
            need(rule in self.rules, f"no rule {rule}")
        for group in given.group_components or ():
            need(group in self.groups, f"no group {group}")

    def _parsed(self, arguments: list[str]) -> Any:
        told = io.StringIO()
        try:
            with redirect_stderr(told):
                return self.snakemake.parse_args(arguments)
        except (SystemExit, CliException, WorkflowError) as error:
            message = told.getvalue().rpartition("error: ")[2].strip()
            raise NotThereError(message or str(error)) from None

    def check_make(self, arguments: list[str]) -> None:
        """Check targets and variables."""
        for text in arguments:
            name, is_variable, _ = text.partition("=")
            known = self.variables if is_variable else self.targets
            need(name in known, f"the Makefile has no {name}")

    def check_deepfake(self, arguments: list[str]) -> None:
        """Check subcommands and options; a name in capitals stands for any subcommand."""
        reached = [self.deepfake]
        for text in arguments:
            below = {name: part for each in reached for name, part in subcommands(each).items()}
            if text.startswith("-"):
                known = set().union(*map(options_of, reached))
                need(text.partition("=")[0] in known, f"no option {text} there")
            elif below:
                need(text in below or text.isupper(), f"no command {text}")
                reached = [below[text]] if text in below else [*below.values()]

    def check_python(self, arguments: list[str]) -> None:
        """Check that a module is there and can be started."""
        need(arguments[:1] == ["-m"] and arguments[1:], "not `python -m MODULE`")
        name = arguments[1]
        try:
            spec = find_spec(name)
            if spec and spec.submodule_search_locations:
                spec = find_spec(f"{name}.__main__")
        except ModuleNotFoundError:
            spec = None
        need(spec, f"no module {name}")

    def check_setting(self, key: str, value: str) -> None:
        """Check `key: value`, of the config or of a profile; `section: key:` has no value."""
        if value.endswith(":"):
            key, value = f"{key}.{value[:-1]}", ""
        full = [name for name in self.keys if f".{name}".endswith(f".{key}")]
        need(full or self.has_option(f"--{key}"), "no such key")
        if full and value:
            shown = [self.wrong_values(name, yaml.safe_load(value)) for name in full]
            need([] in shown, "; ".join(shown[0]))

    def wrong_values(self, key: str, value: Any) -> list[str]:
        """What the schema says against a value."""
        for part in reversed(key.split(".")):
            value = {part: value}
        errors = jsonschema.Draft202012Validator(self.schema).iter_errors(value)
        return [error.message for error in errors if error.validator != "required"]

    def check_settings(self, word: Word) -> None:
        """Check a config that is shown; it need not be whole."""
        content = yaml.safe_load(word.text)
        wrong = [text for key, value in content.items() for text in self.wrong_values(key, value)]
        need(not wrong, "; ".join(wrong))

    def check_key(self, word: Word) -> None:
        """Check a key of the config."""
        need(word.text in self.keys, "no such key of the config")

    def check_file(self, text: str, page: Path) -> None:
        """Check a file of the project or of a run."""
        if "/" in text and text.split("/")[0] in (*FOLDERS, "tests"):
            path = re.sub("^lib/", "workflow_scripts/lib/", text.replace("STAGE", "*"))
            need([*ROOT.glob(path.rstrip("/"))], "no such file of the project")
            return
        beside = (ROOT / text).exists() or (page.parent / text).exists()
        module = text.endswith(".py") and [*(ROOT / "workflow_scripts").rglob(text)]
        need(
            beside or module or self.is_of_a_run(text), "no such key, and no rule makes such a file"
        )

    def is_made(self, path: str) -> bool:
        """Whether a rule makes a file, whose path is whole."""
        name = re.sub("^results/[^/]+/", "", path)
        return any(re.fullmatch(expression(output), name) for output in self.outputs)

    def is_of_a_run(self, text: str) -> bool:
        """Whether a run has such a file, folder, or ending."""
        name = re.sub(r"^results/[^/]+/?", "", text)
        if re.fullmatch(r"\.[a-z]+", name):
            return any(path.endswith(name) for path in self.outputs)
        if name != text and not name.endswith("/"):
            return not name or self.is_made(text)
        return any(re.fullmatch(expression(path), name) for path in self.spellings | {""})
