"""How much memory this process may still take, by the machine, its cgroups and SLURM."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["available_memory"]


def available_memory() -> float:
    """MB that this process may still take."""
    import psutil

    free = psutil.virtual_memory().available / 1e6
    in_groups = _left_in_cgroups(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))
    return min(free, in_groups, _granted_by_slurm(os.environ))


def _granted_by_slurm(environment: Mapping[str, str]) -> float:
    """MB that a SLURM job was granted on its node; infinite outside of one, and where it has the
    whole node."""
    if node := float(environment.get("SLURM_MEM_PER_NODE") or 0):
        return node
    each = float(environment.get("SLURM_MEM_PER_CPU") or 0)
    return each * float(environment.get("SLURM_CPUS_ON_NODE") or 1) or math.inf


def _left_in_cgroups(groups: Path, mounted: Path) -> float:
    """MB that are left under the limits of this process's cgroups and of those above; infinite
    without a limit. `groups` is the kernel's list of them (none on macOS), `mounted` where their
    files lie."""
    if not groups.exists():
        return math.inf
    left = math.inf
    for line in groups.read_text(encoding="utf-8").splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers == "":  # version 2
            root, files = mounted, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root = mounted / "memory"
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        for folder in _upwards(root, name):
            left = min(left, _left_in(folder, *files))
    return left / 1e6


def _upwards(root: Path, name: str) -> Iterator[Path]:
    """The folders of a cgroup and of those above. In a container the group may be seen as `root`
    itself, whatever its name."""
    parts = [part for part in name.split("/") if part not in ("", "..")]
    for length in range(len(parts), -1, -1):
        yield root.joinpath(*parts[:length])


def _left_in(folder: Path, limit: str, usage: str, reclaimable: str) -> float:
    """Bytes that are left in one cgroup; pages of files that the kernel can drop count as free."""
    try:
        most, used = ((folder / name).read_text().strip() for name in (limit, usage))
        kept = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except FileNotFoundError:  # without this controller, or beyond what a container sees
        return math.inf
    if most == "max":
        return math.inf
    return max(0, int(most) - int(used) + int(kept.get(reclaimable, 0)))
