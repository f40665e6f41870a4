"""A Slurm of its own on loopback: munge, slurmctld and slurmd as ordinary processes in one folder.

It needs neither systemd nor cgroups nor a database, touches nothing of the machine's own configuration, and leaves
nothing behind: what is alive of it after `stop` would be found by its configuration's path and killed.
"""

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

CPUS = 2
MEMORY_MB = 12_000
PARTITIONS = ("cpu", "gpu")

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
# The node is what this file says, whatever the machine has.
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
# As long as Slurm remembers a finished job: squeue must still know it when Snakemake asks.
MinJobAge=86400
# Two short jobs should not wait for a scheduler's long round.
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:1 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP OverSubscribe=NO
"""


class Cluster:
    """One node with the partitions cpu and gpu; its one GPU is a name without a device behind it."""

    def __init__(self, programs: dict[str, str]):
        self.programs = programs
        # Not pytest's folder: a socket's path has room for 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.daemons: list[subprocess.Popen] = []
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))},
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
        }

    def start(self) -> None:
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir()
        # Snakemake's job takes SLURM_CONF from the environment of the srun that it starts; on a real cluster srun finds
        # the configuration where the administrator put it.
        srun = self.folder / "bin" / "srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.environment["SLURM_CONF"]} exec {self.programs["srun"]} "$@"\n')
        srun.chmod(0o755)
        controller_port, node_port = free_ports(2)
        (self.folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                folder=self.folder,
                host=socket.gethostname().split(".")[0],
                user=getpass.getuser(),
                controller_port=controller_port,
                node_port=node_port,
                cpus=CPUS,
                memory=MEMORY_MB,
            )
        )
        (self.folder / "gres.conf").write_text("Name=gpu File=/dev/null\n")
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        own = {name: self.folder / f"munge.{name}" for name in ("socket", "pid", "log", "seed")}
        self._run(
            *("munged", "--foreground", "--force", f"--key-file={key}", f"--socket={own['socket']}"),
            *(f"--pid-file={own['pid']}", f"--log-file={own['log']}", f"--seed-file={own['seed']}"),
        )
        wait_for(own["socket"].exists, 20, "munge's socket", self._logs)
        self._run("slurmctld", "-D", "-i")
        wait_for(lambda: "UP" in self.ask("scontrol", "ping"), 60, "slurmctld's answer", self._logs)
        self._run("slurmd", "-D")
        wait_for(lambda: "idle" in self.ask("sinfo", "--noheader", "--format=%T"), 60, "an idle node", self._logs)

    def _run(self, program: str, *options: str) -> None:
        output = (self.folder / f"{program}.out").open("w")
        self.daemons.append(
            subprocess.Popen(
                # They end with this process, also where that is killed.
                ["setpriv", "--pdeathsig", "TERM", self.programs[program], *options],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=self.environment,
                start_new_session=True,
            )
        )

    def ask(self, *command: str) -> str:
        """What a Slurm command prints; nothing where it fails."""
        done = subprocess.run(
            [self.programs.get(command[0], command[0]), *command[1:]],
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=60,
        )
        return done.stdout if done.returncode == 0 else ""

    def jobs(self) -> list[dict[str, str]]:
        """What Slurm says of every job that it remembers, by the names of `scontrol show job`."""
        lines = self.ask("scontrol", "show", "job", "--details", "--oneliner").splitlines()
        return [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines if "JobId=" in line]

    def stop(self) -> None:
        if len(self.daemons) == 3:
            self.ask("scancel", "--user", getpass.getuser())
            with contextlib.suppress(TimeoutError):
                wait_for(lambda: not self.ask("squeue", "--noheader"), 20, "cancelled jobs to end")
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=15)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self) -> list[int]:
        """Process ids of whatever runs with this cluster's configuration: daemons, job steps, jobs."""
        mark = f"SLURM_CONF={self.environment['SLURM_CONF']}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return [process for process in found if process != os.getpid()]

    def _logs(self) -> str:
        files = sorted([*self.folder.glob("*.out"), *self.folder.glob("*.log")])
        return "\n".join(f"== {file.name}\n{file.read_text(errors='replace')[-3000:]}" for file in files)


def free_ports(count: int) -> Sequence[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_for(condition: Callable[[], bool], seconds: float, what: str, explain: Callable[[], str] = lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}\n{explain()}")
        time.sleep(0.1)
