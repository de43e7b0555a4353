"""Checks that a launcher started as many processes as the trainer has ranks."""

import os

import lightning as L

# The variable in which a launcher says how many processes it started; the first that is set counts (torchrun may
# itself be started by srun, once a node).
LAUNCHERS = {
    "WORLD_SIZE": "torchrun",
    "SLURM_NTASKS": "srun",
    "OMPI_COMM_WORLD_SIZE": "mpirun",
    "PMI_SIZE": "mpiexec",
    "JSM_NAMESPACE_SIZE": "jsrun",
}
_OPTIONS = "trainer=ddp (trainer.strategy) with trainer.devices=<ranks a node> and trainer.num_nodes=<nodes>"


def check_launcher() -> None:
    """Raise ValueError, before the trainer is built, for tasks that Lightning cannot spread over nodes."""
    variable, processes = _launched()
    if variable == "SLURM_NTASKS" and processes > 1 and "SLURM_NTASKS_PER_NODE" not in os.environ:
        raise ValueError(
            f"{variable}={processes}: a training on several ranks is started by srun --ntasks-per-node=<ranks a "
            f"node> and {_OPTIONS}, one on a single device by srun --ntasks=1"
        )


def check_ranks(trainer: L.Trainer) -> None:
    """Raise ValueError where a launcher started more processes than the trainer has ranks, each of which would be a
    whole training in the same folder, or fewer."""
    variable, processes = _launched()
    ranks = trainer.num_devices * trainer.num_nodes
    if variable is None or processes == ranks:
        return
    torchrun = variable == "WORLD_SIZE" and "TORCHELASTIC_RUN_ID" in os.environ
    if variable == "WORLD_SIZE" and not torchrun and processes in (1, trainer.num_nodes):
        return  # the trainer starts a node's ranks itself
    raise ValueError(
        f"{variable}={processes}: {LAUNCHERS[variable]} started {processes} process{'es' * (processes > 1)}, but the "
        f"trainer has {ranks} rank{'s' * (ranks > 1)} (trainer.devices={trainer.num_devices} x "
        f"trainer.num_nodes={trainer.num_nodes}, trainer.strategy={type(trainer.strategy).__name__}): {_OPTIONS}, or "
        f"{LAUNCHERS[variable]} with as many processes as ranks"
    )


def _launched() -> tuple[str | None, int]:
    for variable in LAUNCHERS:
        value = os.environ.get(variable, "")
        interactive = os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive")
        if value.isdigit() and not (variable == "SLURM_NTASKS" and interactive):  # as Lightning has it
            return variable, int(value)
    return None, 1
