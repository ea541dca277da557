"""The record of a run, and `snakemake verify`: all that was changed is found and named."""

import pytest

from tests.projects import fingerprint, logged_jobs
from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.provenance.record import manifest_digest, read_record, with_digest


def flip(path):
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def verify(project, *arguments):
    """The status of `snakemake verify`, and what it printed."""
    ended = project.snakemake("verify", *arguments, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def test_every_file_of_a_run_is_recorded(finished, videos):
    record = read_record(finished.results / "run.json")
    recorded = {n for files in record["reproducible"]["outputs"].values() for n in files}
    recorded |= record["measured"]["files"].keys()
    found = {
        str(path.relative_to(finished.results))
        for path in finished.results.rglob("*")
        if path.is_file() and not path.is_relative_to(finished.results / "logs")
    }
    assert recorded == {name for name in found if not name.startswith(".")} - {"run.json"}
    assert record["reproducible"]["manifest"] == manifest_digest(videos)
    assert record["environment"]["packages"]["zarr"] == "3.1.6"


def test_the_cost_of_every_job_is_recorded(finished, videos):
    cost = read_record(finished.results / "run.json")["measured"]["cost"]
    jobs = {rule: told["jobs"] for rule, told in cost.items()}
    assert jobs == logged_jobs(finished.results)
    assert jobs["crop_faces"] == len(videos)
    assert all(told["cpu_s"] > 0 and told["peak_memory_mb"] > 10 for told in cost.values())


ADDED_RULE = """

rule count_rows:
    input:
        leaderboard="<results>/leaderboard.tsv",
    output:
        rows="<results>/rows.txt",
    log:
        "<logs>/count_rows.log",
    script:
        "../workflow_scripts/report/count_rows.py"


RESULTS += rules.count_rows.output
"""
ADDED_SCRIPT = """
from pathlib import Path

from workflow_scripts.lib.common.binder import run


def main(leaderboard: Path, rows: Path) -> None:
    rows.write_text(str(len(leaderboard.read_text().splitlines()) - 1))


run(main, snakemake)
"""


def test_a_rule_that_is_added_is_recorded_verified_and_counted(tiny_copy):
    with (tiny_copy.root / "rules/report.smk").open("a") as rules:
        rules.write(ADDED_RULE)
    (tiny_copy.root / "workflow_scripts/report/count_rows.py").write_text(ADDED_SCRIPT)
    assert set(tiny_copy.planned()) == {"count_rows", "plot_run_times", "record_run", "all"}
    tiny_copy.snakemake()
    record = read_record(tiny_copy.results / "run.json")
    assert record["reproducible"]["outputs"]["count_rows"].keys() == {"rows.txt"}
    assert record["measured"]["cost"]["count_rows"]["jobs"] == 1
    (tiny_copy.results / "rows.txt").write_text("999")
    status, said = verify(tiny_copy)
    assert status == 1
    assert "rows.txt (count_rows): it was changed" in said


def test_a_whole_run_is_found_whole(copy):
    before = fingerprint(copy.results)
    status, said = verify(copy)
    assert status == 0, said
    assert "All files are intact." in said
    assert fingerprint(copy.results) == before
    assert "Nothing to be done" in copy.snakemake().stderr


def test_all_that_is_wrong_is_named_in_one_go(copy):
    copy.snakemake("results/small/models/frame/spectrum/bundle.zip")
    damaged = {
        "store.zarr/crops/c/0/0/0/0": "Stored and computed checksum do not match",
        "store.zarr/label/c/0": "label, rows 0 to 83",
        "features/spectrum.zarr/c/0/0": "spectrum, rows 0 to 83",
        "store.zarr/zarr.json": "",
        "models/identity/forest/model.zip": "changed after the run",
        "models/frame/spectrum/bundle.zip": "not a complete bundle",
        "faces/fake3.jpg": "changed after the run",
        "figures/cost.png": "changed after the run",
    }
    for name in damaged:
        flip(copy.results / name)
    (copy.results / "splits/frame.tsv").unlink()
    status, said = verify(copy)
    assert status != 0
    for name, what in {**damaged, "splits/frame.tsv": "missing"}.items():
        line = next(line for line in said.splitlines() if line.startswith(f"- {name} ("))
        assert what in line
    assert f"({len(damaged) + 1} problems)" in said
    assert "To repair files" in said
    assert "After an edit" not in said


@pytest.mark.slow
def test_what_it_advises_mends_the_run(tiny_copy, tmp_path):
    results = tiny_copy.results
    flip(results / "features/spectrum.zarr/c/0/0")
    flip(results / "store.zarr/label/c/0")
    flip(results / "models/identity/spectrum/model.zip")
    for name in ("features/spectrum.json", "store.json", "models/identity/spectrum/model.zip"):
        (results / name).unlink()
    (results / "run.json").rename(tmp_path / "run.json")
    tiny_copy.snakemake()
    status, said = verify(tiny_copy, "--config", f"verify_against={tmp_path / 'run.json'}")
    assert status == 0, said
    assert "All else is the same" in said


def test_an_edited_config_or_manifest_is_told(copy):
    copy.configure(seed=2)
    with (copy.root / "small.tsv").open("a") as table:
        table.write((copy.root / "small.tsv").read_text().splitlines()[1].replace("real0", "more"))
    status, said = verify(copy)
    assert status != 0
    assert "The config was edited after the run (seed)." in said
    assert "The manifest small.tsv was edited after the run." in said
    assert "(2 problems)" in said
    assert "undo it" in said
    assert "delete" not in said, "no file is damaged"


@pytest.mark.parametrize("change", ["gone", "flipped"])
def test_a_record_that_is_no_record(copy, change):
    record = copy.results / "run.json"
    record.unlink() if change == "gone" else flip(record)
    status, said = verify(copy)
    assert status != 0
    assert "run.json" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_another_machine_is_compared_and_the_first_step_named(copy, tmp_path):
    record = read_record(copy.results / "run.json")
    other = tmp_path / "run.json"
    write_json(other, with_digest(record))
    arguments = ("--config", f"verify_against={other}")
    status, said = verify(copy, *arguments)
    assert status == 0, said
    assert "All else is the same" in said
    outputs = record["reproducible"]["outputs"]
    outputs["split_videos"]["splits/frame.tsv"] = "0"
    outputs["evaluate_model"]["evaluation/frame/forest.json"] = "0"
    record["environment"]["packages"]["numpy"] = "1.0"
    write_json(other, with_digest(record))
    status, said = verify(copy, *arguments)
    assert status != 0
    assert "first in the step split_videos" in said
    assert "evaluate_model: 1 of 12 files: evaluation/frame/forest.json" in said
    assert "there" in next(line for line in said.splitlines() if "packages.numpy" in line)
