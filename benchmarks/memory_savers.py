"""What each memory saver saves, and what it costs: python -m benchmarks.memory_savers (--help explains)."""

import json
import subprocess
import sys
from pathlib import Path

from omegaconf import DictConfig

from faceanim.cli import application
from faceanim.markdown import table


@application(config_name="benchmark_memory_savers")
def main(cfg: DictConfig) -> None:
    """Every saver is a process of its own, as memory that was freed is not always given back; in turns."""
    Path(cfg.output).unlink(missing_ok=True)
    records = {name: [] for name in cfg.savers}
    for _ in range(cfg.turns):
        for name, options in cfg.savers.items():
            records[name].append(measured(cfg, options.split()))
    rows, plain = [], least(records["plain"])
    for name, found in records.items():
        memory, seconds = least(found)
        rows.append(
            [
                name,
                cfg.savers[name],
                f"{memory / 1e9:.2f} GB",
                f"{memory / plain[0]:.2f}",
                f"{seconds:.2f} s",
                f"{seconds / plain[1]:.2f}",
            ]
        )
    print(table(("saver", "options", "memory", "of plain", "time a sample", "of plain"), rows))


def measured(cfg: DictConfig, options: list[str]) -> dict:
    command = [sys.executable, "-m", "benchmarks.train_step", *cfg.base, *options, f"output={cfg.output}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"{' '.join(command[2:])}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(Path(cfg.output).read_text().splitlines()[-1])


def least(records: list[dict]) -> tuple[float, float]:
    """Memory beyond the bare process, and time a sample: the least of the turns, as others only ever add.

    On a CPU it is the processor's time, which others on the machine disturb less than the clock's.
    """
    on_cpu = records[0]["device"].startswith("CPU")
    time = "processor_seconds" if on_cpu else "step_seconds"
    return (
        min(record["peak_memory_bytes"] - record["bare_process_bytes"] for record in records),
        min(record[time] / record["batch"] for record in records),
    )


if __name__ == "__main__":
    main()
