"""Memory available to this process, as limited by the machine, its cgroups and SLURM."""

import math
import os
from collections.abc import Mapping
from pathlib import Path


def available_memory() -> float:
    """Memory that this process can still allocate, MB."""
    import psutil

    machine = psutil.virtual_memory().available / 1e6
    cgroups = _cgroup_memory(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))
    return min(machine, cgroups, _slurm_memory(os.environ))


def _slurm_memory(environment: Mapping[str, str]) -> float:
    """MB that SLURM granted on this node; infinite outside a job and for a whole node."""
    if per_node := float(environment.get("SLURM_MEM_PER_NODE") or 0):
        return per_node
    per_cpu = float(environment.get("SLURM_MEM_PER_CPU") or 0)
    return per_cpu * float(environment.get("SLURM_CPUS_ON_NODE") or 1) or math.inf


def _cgroup_memory(cgroups: Path, mount: Path) -> float:
    """Free MB under the limits of this process's cgroups and their parents; infinite without a
    limit. `cgroups` is the kernel's list of them (absent on macOS), `mount` their file system."""
    if not cgroups.exists():
        return math.inf
    free = math.inf
    for line in cgroups.read_text(encoding="utf-8").splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers == "":  # version 2
            root, files = mount, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root = mount / "memory"
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        # in a container, the cgroup may be mounted as `root` itself, whatever its name
        parts = [part for part in name.split("/") if part not in ("", "..")]
        for depth in range(len(parts) + 1):
            free = min(free, _free_in_cgroup(root.joinpath(*parts[:depth]), *files))
    return free / 1e6


def _free_in_cgroup(folder: Path, limit: str, usage: str, reclaimable: str) -> float:
    """Free bytes in one cgroup; file pages that the kernel can drop count as free."""
    try:
        maximum, used = ((folder / name).read_text().strip() for name in (limit, usage))
        pages = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except FileNotFoundError:  # without this controller, or not visible in a container
        return math.inf
    if maximum == "max":
        return math.inf
    return max(0, int(maximum) - int(used) + int(pages.get(reclaimable, 0)))
