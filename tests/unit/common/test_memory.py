"""The memory that may be taken: whichever limit is lowest, and none that is no limit."""

import math
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from workflow_scripts.lib.common import memory
from workflow_scripts.lib.common.memory import available_memory

MB = 1_000_000


def group(folder, most, used, dropped=0, version=2):
    folder.mkdir(parents=True, exist_ok=True)
    names = ("memory.max", "memory.current", "inactive_file")
    if version == 1:
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    (folder / names[0]).write_text(f"{most}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {dropped}\n")


@pytest.mark.parametrize("version", [1, 2])
def test_the_tightest_group_above_counts(tmp_path, version):
    root = tmp_path if version == 2 else tmp_path / "memory"
    cgroups = tmp_path / "cgroup"
    cgroups.write_text("0::/a/b/c\n" if version == 2 else "3:cpu:/x\n7:memory:/a/b/c\n0::/\n")
    assert memory._cgroup_memory(cgroups, tmp_path) == math.inf
    group(root / "a/b/c", "max" if version == 2 else 9223372036854771712, 1, version=version)
    group(root / "a/b", 1000 * MB, 900 * MB, 50 * MB, version)
    group(root / "a", 800 * MB, 100 * MB, version=version)
    assert memory._cgroup_memory(cgroups, tmp_path) == 150
    group(root / "a", 100 * MB, 200 * MB, version=version)
    assert memory._cgroup_memory(cgroups, tmp_path) == 0


def test_in_a_container_the_group_may_have_another_name_outside(tmp_path):
    (tmp_path / "cgroup").write_text("0::/../../docker/abc\n")
    group(tmp_path, 400 * MB, 100 * MB)
    assert memory._cgroup_memory(tmp_path / "cgroup", tmp_path) == 300


def test_without_groups_there_is_no_limit(tmp_path):
    assert memory._cgroup_memory(tmp_path / "cgroup", tmp_path) == math.inf


@pytest.mark.parametrize(
    ("variables", "granted"),
    [
        ({}, math.inf),
        ({"SLURM_MEM_PER_NODE": "0"}, math.inf),
        ({"SLURM_MEM_PER_NODE": "2000"}, 2000),
        ({"SLURM_MEM_PER_CPU": "500", "SLURM_CPUS_ON_NODE": "4"}, 2000),
        ({"SLURM_MEM_PER_CPU": "500"}, 500),
        ({"SLURM_MEM_PER_NODE": "", "SLURM_MEM_PER_CPU": ""}, math.inf),
    ],
)
def test_what_slurm_grants(variables, granted):
    assert memory._slurm_memory(variables) == granted


def test_what_is_free_here_is_more_than_nothing_and_less_than_there_is(monkeypatch):
    for name in ("SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU"):
        monkeypatch.delenv(name, raising=False)
    assert 10 < available_memory() < psutil.virtual_memory().total / 1e6
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "1")
    assert available_memory() == 1


@pytest.fixture
def limited_group():
    """A cgroup of 400 MB, where this user may make one (version 1 only: in version 2 a group with
    processes may have none below it)."""
    folder = Path("/sys/fs/cgroup/memory") / f"test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made here ({error.strerror}): try as root")
    (folder / "memory.limit_in_bytes").write_text(str(400 * MB))
    yield folder
    folder.rmdir()


def test_a_real_limit_is_seen(limited_group):
    script = (
        "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid()))\n"
        "from workflow_scripts.lib.common.memory import available_memory; print(available_memory())"
    )
    command = [sys.executable, "-c", script, str(limited_group / "cgroup.procs")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 100 < float(ended.stdout) < 400
