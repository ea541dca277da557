"""A real SLURM of several nodes on this machine, on loopback, without systemd.

`python -m tests.slurm.cluster FOLDER` starts munged, slurmctld and a slurmd per node, says "ready",
then obeys lines on its standard input (`kill NODE`, `start NODE`), each answered by "done". When
its input ends, in whatever way its parent ended, it stops all of them and takes away what it put
into /etc. It needs root and the Debian packages in `PACKAGES`.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from workflow_scripts.lib.common.locks import acquire_lock

PACKAGES = ["slurmctld", "slurmd", "slurm-client", "munge"]
DAEMONS = ["munged", "slurmctld", "slurmd", "sbatch", "squeue"]
NODES = ["node1", "node2", "node3"]
CPUS, MEMORY = 8, 8000  # per node, MB; SLURM is told so, whatever the machine has
# The job step calls srun without SLURM_CONF, so the file must be where SLURM looks by itself.
CONF = Path("/etc/slurm/slurm.conf")
MARK = "# written by tests/slurm/cluster.py\n"
CGROUPS = Path("/sys/fs/cgroup")

SLURM_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={controller}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SwitchType=switch/none
MpiDefault=none
{tracking}
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2,sched_min_interval=0
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
ReturnToService=2
MinJobAge=3600
KillWait=3
SlurmctldTimeout=30
SlurmdTimeout=10
MessageTimeout=10
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO LLN=YES
"""
CGROUP_CONF = """\
CgroupPlugin=cgroup/v1
CgroupMountpoint=/sys/fs/cgroup
CgroupAutomount=no
ConstrainRAMSpace=yes
ConstrainSwapSpace=no
ConstrainCores=no
ConstrainDevices=no
"""


def has_cgroups() -> bool:
    """Whether SLURM can hold jobs in cgroups here (version 1, writable)."""
    return all(
        (CGROUPS / part).is_dir() and os.access(CGROUPS / part, os.W_OK)
        for part in ("freezer", "memory")
    )


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nobody uses now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def write_configuration(folder: Path) -> None:
    """Write slurm.conf, cgroup.conf and the key of munge, and make the folders they name."""
    controller, *ports = free_ports(1 + len(NODES))
    nodes = [
        f"NodeName={node} NodeHostName=localhost NodeAddr=127.0.0.1 Port={port} "
        f"CPUs={CPUS} RealMemory={MEMORY} State=UNKNOWN"
        for node, port in zip(NODES, ports, strict=True)
    ]
    if has_cgroups():
        tracking = "ProctrackType=proctrack/cgroup\nTaskPlugin=task/cgroup"
        (folder / "cgroup.conf").write_text(CGROUP_CONF)
    else:
        tracking = (
            "ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n"
            "JobAcctGatherParams=OverMemoryKill"
        )
    text = SLURM_CONF.format(
        host=socket.gethostname().split(".")[0],
        folder=folder,
        controller=controller,
        tracking=tracking,
        nodes="\n".join(nodes),
    )
    (folder / "slurm.conf").write_text(MARK + text)
    for name in ["state", *(f"spool.{node}" for node in NODES)]:
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))


def output(*command: str) -> str:
    """What a command of SLURM prints; nothing, if it fails."""
    ended = subprocess.run(
        ["timeout", "-k", "1", "10", *command], capture_output=True, text=True, check=False
    )
    return ended.stdout if ended.returncode == 0 else ""


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait for `condition()`, at most so long.

    Raises
    ------
    TimeoutError
        It did not come true; `what` names it.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.1)


def is_idle() -> bool:
    """Whether all nodes are up and have no job."""
    return output("sinfo", "-h", "-N", "-o", "%T").split() == ["idle"] * len(NODES)


class Cluster:
    """The daemons, as children of this process."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.out").open("ab") as out:
            self.daemons[name] = subprocess.Popen(command, stdout=out, stderr=out)

    def start(self) -> None:
        """Start everything, and wait until all nodes are idle."""
        write_configuration(self.folder)
        self.run(
            "munged",
            *["munged", "--foreground", "--force", f"--key-file={self.folder}/munge.key"],
            *[f"--socket={self.folder}/munge.socket", f"--pid-file={self.folder}/munged.pid"],
            *[f"--log-file={self.folder}/munged.log", f"--seed-file={self.folder}/munged.seed"],
        )
        wait_until((self.folder / "munge.socket").exists, 10, "munged")
        CONF.unlink(missing_ok=True)
        CONF.symlink_to(self.folder / "slurm.conf")
        self.run("slurmctld", "slurmctld", "-D", "-f", f"{self.folder}/slurm.conf")
        for node in NODES:
            self.start_node(node)
        wait_until(is_idle, 60, f"nodes are not idle, see {self.folder}/*.log")

    def start_node(self, node: str) -> None:
        """Start a node's slurmd."""
        self.run(node, "slurmd", "-D", "-f", f"{self.folder}/slurm.conf", "-N", node)

    def kill_node(self, node: str) -> None:
        """Let a node die: its slurmd and all of its jobs' processes, at once."""
        jobs = output("squeue", "-h", "-w", node, "-t", "R", "-o", "%A").split()
        self.daemons[node].kill()
        self.daemons.pop(node).wait()
        kill_trees([pid for pid, title in processes() if is_step(title, jobs)])

    def stop(self) -> None:
        """End all jobs, then all daemons, and leave nothing behind."""
        jobs = output("squeue", "-h", "-o", "%A").split()
        output("scancel", "--user=root")
        try:
            wait_until(lambda: not output("squeue", "-h"), 20, "the end of all jobs")
        finally:
            kill_trees([pid for pid, title in processes() if is_step(title, jobs)])
            for name in [*NODES, "slurmctld", "munged"]:
                if name in self.daemons:
                    end(self.daemons[name])
            if CONF.is_symlink() and CONF.readlink() == self.folder / "slurm.conf":
                CONF.unlink()
            for node in NODES:
                remove_cgroups(node)


def processes() -> list[tuple[int, str]]:
    """Ids and command lines of all processes."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        found.append((int(folder.name), title))
    return found


def is_step(title: str, jobs: list[str]) -> bool:
    """Whether a command line is that of the daemon of a step of one of the jobs."""
    return any(title.startswith(f"slurmstepd: [{job}.") for job in jobs)


def kill_trees(roots: list[int]) -> None:
    """Kill processes and all that descends from them."""
    parents = {}
    for pid, _ in processes():
        try:
            parents[pid] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    doomed = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in doomed} - doomed:
        doomed |= more
    for pid in doomed:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def end(daemon: subprocess.Popen[bytes]) -> None:
    """End a daemon, by force if it does not end on request."""
    daemon.terminate()
    try:
        daemon.wait(timeout=15)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def remove_cgroups(node: str) -> None:
    """Take away the empty cgroups that a node's slurmd made."""
    for top in CGROUPS.glob(f"*/slurm_{node}"):
        for folder in sorted(top.rglob("*/"), reverse=True):
            folder.rmdir()
        top.rmdir()


def main(folder: Path) -> None:
    """Keep a cluster up for as long as the standard input is open."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    acquire_lock(Path("/run/tests-slurm.lock"), wait=True)  # one at a time on a machine
    cluster = Cluster(folder)
    try:
        cluster.start()
        print("ready", flush=True)
        for line in sys.stdin:
            action, node = line.split()
            {"kill": cluster.kill_node, "start": cluster.start_node}[action](node)
            print("done", flush=True)
    finally:
        cluster.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
