"""Rules and their scripts fit together, and a run's record follows from its rules."""

import importlib
import inspect
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from snakemake.api import ConfigSettings, OutputSettings, ResourceSettings, SnakemakeApi
from snakemake.iocontainers import Wildcards

from workflow_scripts.lib.common.binder import UNTRACKED, bind
from workflow_scripts.lib.common.code_files import code_digest
from workflow_scripts.lib.provenance.jobs import jobs_behind

ROOT = Path(__file__).parents[2]
JOINED = {"run": "joined", "join_runs": ["results/demo"], "manifest": "config/demo.tsv"}


def load_rules(folder, resources=None, **changes):
    """The rules of the workflow with the demo's config, as Snakemake reads them; `resources` are
    its settings of them."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**config, **changes}))
    with SnakemakeApi(OutputSettings()) as api:
        workflow = api.workflow(
            resource_settings=resources or ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[path]),
            snakefile=ROOT / "Snakefile",
            workdir=ROOT,
        )
        return {rule.name: rule for rule in workflow._workflow.rules}


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """All rules, those of a joined run among them."""
    folder = tmp_path_factory.mktemp("config")
    return load_rules(folder) | load_rules(folder, **JOINED)


def main_of(rule):
    path = Path(rule.script).relative_to("../workflow_scripts").with_suffix("")
    return importlib.import_module(f"workflow_scripts.{'.'.join(path.parts)}").main


def test_each_rule_gives_its_script_exactly_what_it_takes(rules):
    for name, rule in rules.items():
        if not rule.script:
            continue
        taken = inspect.signature(main_of(rule)).parameters
        rest = [key for key, of in taken.items() if of.kind is of.VAR_KEYWORD]
        given = {key for part in (rule.input, rule.output, rule.params) for key, _ in part.items()}
        known = given | set(rule.wildcard_names) | {"threads"} | UNTRACKED.keys()
        assert taken.keys() - {*rest} <= known, name
        # an input without a name is only waited for
        assert given <= taken.keys() or rest, name
        assert not dict(rule.input.items()).keys() & dict(rule.output.items()).keys(), name


def test_a_rule_is_read_from_its_own_stage(rules):
    for rule in rules.values():
        if rule.script:
            assert Path(rule.script).stem == rule.name
            assert Path(rule.script).parts[-2] == Path(rule.snakefile).stem, rule.name


def test_a_rule_runs_again_when_its_code_was_edited(rules):
    for name, rule in rules.items():
        if rule.script:
            script = Path(rule.script).relative_to("../workflow_scripts").with_suffix("")
            tracked = code_digest(str(script)) in list(rule.params)
            assert tracked == (name != "download_video"), name  # an edit must not cost a download


def requested(rule, name, attempt=1):
    """How much of a resource a job of a rule requests."""
    wildcards = Wildcards(fromdict={"experiment": "pixels64_forest"})
    return rule.expand_resources(wildcards, [], attempt).get(name)


def test_every_job_requests_memory_and_time_and_more_with_each_attempt(rules):
    for rule in rules.values():
        for name in ("mem_mb", "runtime") if rule.script else ():
            assert requested(rule, name, 2) == pytest.approx(2 * requested(rule, name), abs=1)


@pytest.mark.parametrize("defaults", [None, {"mem_mb": 5, "runtime": 6}])
def test_resources_set_by_the_user_replace_those_of_rules_and_defaults_do_not(tmp_path, defaults):
    settings = ResourceSettings(
        cores=1,
        default_resources=defaults,
        overwrite_resources={"leaderboard": {"mem_mb": 5}, "crop_faces": {"mem": "7 MB"}},
    )
    rules = load_rules(tmp_path, settings)
    for rule, memory, minutes in (
        ("leaderboard", 5, 10),
        ("crop_faces", 7, 10),
        ("split_videos", 1000, 10),
        ("build_store", 1000, 120),
    ):
        assert requested(rules[rule], "mem_mb") == memory
        assert requested(rules[rule], "runtime") == minutes


def test_what_a_rule_says_of_itself_is_what_its_script_says(rules):
    for name, rule in rules.items():
        assert rule.docstring, name
        if rule.script:
            module = inspect.getmodule(main_of(rule))
            assert " ".join(module.__doc__.split()).startswith(rule.docstring.strip('".')), name


def job(**more):
    empty = {key: {} for key in ("input", "output", "params", "wildcards")}
    return SimpleNamespace(**{**empty, "threads": 3, "config": {"face_cache": None}, **more})


def test_arguments_become_what_is_annotated():
    def main(one: Path, few: list[Path], single: list[Path], none: Path | None, number: int): ...

    inputs = {"one": "a/b", "few": ["c", "d"], "single": "e", "none": []}
    assert bind(main, job(input=inputs, wildcards={"number": "7"})) == {
        "one": Path("a/b"),
        "few": [Path("c"), Path("d")],
        "single": [Path("e")],
        "none": None,
        "number": 7,
    }


def test_a_parameter_says_more_than_the_wildcard_of_its_name():
    def main(experiment: dict, threads: int, face_cache: Path | None): ...

    found = bind(main, job(wildcards={"experiment": "a"}, params={"experiment": {"name": "a"}}))
    assert found == {"experiment": {"name": "a"}, "threads": 3, "face_cache": None}


def test_the_rest_of_the_inputs_goes_to_who_takes_it():
    def main(store: Path, **logs: list[Path]): ...

    found = bind(main, job(input={"store": "s", "train": ["a"], "test": ["b", "c"]}))
    assert found == {"store": Path("s"), "train": [Path("a")], "test": [Path("b"), Path("c")]}


def test_what_no_rule_gives_is_named():
    def main(nothing: Path): ...

    with pytest.raises(TypeError, match="does not declare 'nothing'"):
        bind(main, job())


@pytest.fixture
def added(tmp_path):
    """Rules of which one makes a file for another."""
    (tmp_path / "Snakefile").write_text(
        "rule last:\n    input: 'results/r/{name}.txt', 'other/file.txt'\n"
        "    output: 'results/r/last-{name}.txt'\n    log: 'results/r/logs/last/{name}.log'\n"
        "    shell: ''\n"
        "rule first:\n    output: one='results/r/{name}.txt', two=temp('results/r/{name}.tmp')\n"
        "    log: 'results/r/logs/first/{name}.log'\n    shell: ''\n"
        "rule not_asked_for:\n    output: 'results/r/more.md'\n    shell: ''\n"
        "ruleorder: last > first\n"
    )
    with SnakemakeApi(OutputSettings()) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1), snakefile=tmp_path / "Snakefile"
        )
        return tuple(workflow._workflow.rules)


def test_the_jobs_of_a_run_are_those_that_its_targets_lead_to(added):
    jobs = jobs_behind(added, "results/r/", ("results/r/last-b.txt", "results/r/last-a.txt"))
    assert list(jobs) == ["last", "first"]
    assert jobs["first"].outputs == ["results/r/a.txt", "results/r/b.txt"]  # what is temporary goes
    assert jobs["last"].logs == ["results/r/logs/last/a.log", "results/r/logs/last/b.log"]
    assert jobs_behind(added, "results/other/", ("results/r/a.txt",)) == {}
