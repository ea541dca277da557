"""What can go wrong on a cluster: each time the bytes of a quiet run, and little done twice."""

import pytest
import yaml

from tests.projects import few_of, fingerprint
from tests.slurm.conftest import (
    FACES_ONLY,
    OPTIONS,
    cancel,
    final_states,
    finish,
    finished_faces,
    interrupt,
    kill,
    start,
    submissions,
    until_first_face,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def right(tiny, videos):
    """Hashes of the faces of four videos in a quiet local run."""
    hashes = fingerprint(tiny.results / "faces")
    ids = {video.video_id for video in few_of(videos)[:4]}
    return {name: code for name, code in hashes.items() if name.partition(".")[0] in ids}


def test_a_job_killed_for_memory_gets_more(project, right):
    profile = yaml.safe_load((project.root / "slurm/config.yaml").read_text())
    for rule in ("sample_frames", "crop_faces"):
        profile["set-resources"][rule]["mem_mb"] = "100 * 15 ** (attempt - 1)"
    (project.root / "mine").mkdir()
    (project.root / "mine/config.yaml").write_text(yaml.safe_dump(profile))
    finish(project, start(project, *OPTIONS, *FACES_ONLY, "--profile", "mine"))
    assert fingerprint(project.results / "faces") == right
    first, second = submissions(project)[:2], submissions(project)[2:]
    assert {(job.state == "COMPLETED", *job.asked) for job in first} == {(False, 1, 100, 6)}
    assert {(job.state == "COMPLETED", *job.asked) for job in second} == {(True, 1, 1500, 12)}


def test_a_cancelled_group_is_done_again_and_no_other(project, right):
    process = start(project, *OPTIONS, *FACES_ONLY)
    running = until_first_face(project, process)
    cancel(running[:1])
    finish(project, process)
    assert fingerprint(project.results / "faces") == right
    assert [job.state for job in submissions(project)] == ["CANCELLED", "COMPLETED", "COMPLETED"]


def test_a_node_dies(cluster, project, right):
    process = start(project, *OPTIONS, *FACES_ONLY)
    dead, other = until_first_face(project, process)
    cluster.tell(f"kill {dead.node}")
    try:
        finish(project, process)
    finally:
        cluster.tell(f"start {dead.node}")
    assert fingerprint(project.results / "faces") == right
    states = [(job.state, job.node) for job in submissions(project)]
    assert states[:2] == [("NODE_FAIL", dead.node), ("COMPLETED", other.node)]
    (again,) = states[2:]
    assert again[0] == "COMPLETED"
    assert again[1] != dead.node


@pytest.mark.parametrize("end", [interrupt, kill], ids=["ctrl-c", "kill -9"])
def test_it_goes_on_where_it_was(project, right, end):
    process = start(project, *OPTIONS, *FACES_ONLY)
    until_first_face(project, process)
    end(process)
    if end is kill:  # it could not cancel its jobs
        assert {job.state for job in submissions(project)} == {"RUNNING"}
        cancel(submissions(project))
    assert final_states(project) == {"CANCELLED"}
    before = finished_faces(project)
    assert before
    finish(project, start(project, *OPTIONS, *FACES_ONLY))
    assert fingerprint(project.results / "faces") == right
    after = finished_faces(project)
    assert before == {name: after[name] for name in before}
