"""The demo: each command of the project once, on one real clip. Resumes where it was killed."""

import json
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from omegaconf import DictConfig

from faceanim.cli import CALLERS_MISTAKE, application
from faceanim.data.manifest import read_manifest
from faceanim.media.clip_reader import ClipReader
from faceanim.media.files import write_json
from faceanim.media.image import write_image
from faceanim.parallel.finished_jobs import FinishedJobs

HEARTBEAT_SECONDS = 5


@dataclass
class Step:
    """One command. Its record says how long it ran in all, kills included, and whether it came to its end."""

    name: str
    command: list[str]
    records: FinishedJobs

    def run(self) -> dict:
        """Run the command unless this very command is done already; returns the record."""
        new = {"command": self.command, "seconds": 0.0, "done": False, "peak_memory_gb": 0.0}
        before = self.records.load(self.name, command=self.command) or new
        if before["done"]:
            print(f"-- {self.name}: done before, in {before['seconds']:.0f} s", flush=True)
            return before
        print(f"\n-- {self.name}: python {' '.join(self.command)}", flush=True)
        started = time.monotonic()
        process = subprocess.Popen([sys.executable, *self.command])
        code = None
        try:
            while code is None:
                with suppress(subprocess.TimeoutExpired):
                    code = process.wait(HEARTBEAT_SECONDS)
                after = self._record(before, time.monotonic() - started, done=code == 0)
        finally:
            if process.poll() is None:  # interrupted: the command got the same signal, let it end
                process.wait()
        if code:
            print(
                f"error: step {self.name} ended with exit code {code}; `make demo` resumes here",
                file=sys.stderr,
            )
            sys.exit(code if code in (1, CALLERS_MISTAKE) else 1)
        return after

    def _record(self, before: dict, seconds: float, done: bool) -> dict:
        peak = (
            getrusage(RUSAGE_CHILDREN).ru_maxrss / 2**20
        )  # of the largest command so far; Linux counts in KiB
        after = {
            **before,
            "seconds": before["seconds"] + seconds,
            "done": done,
            "peak_memory_gb": max(before["peak_memory_gb"], peak),
        }
        self.records.save(self.name, **after)
        return after


@application(config_name="demo")
def main(cfg: DictConfig) -> None:
    out = Path(cfg.output)
    data, reference = out / "data", out / "reference.png"
    train = ["train.py", "experiment=demo", f"data.folder={data}", *cfg.train]
    prepare = ["-m", "scripts.prepare_celebvhq_hdtf", "source=folder", "raw=demo", f"output={data}"]
    prepare += ["landmarks=dlib", "size=128", "fps=null", "split_by=time", "holdout=0.2", "crf=8"]
    records = {"prepare": _step(out, "prepare", prepare)}

    rows = {row.split: row for row in read_manifest(data)}
    write_image(reference, ClipReader(data / rows["train"].path).read([0])[0])
    stages = {
        "appearance": [*train, "stage=appearance", f"run_dir={out}/appearance"],
        "temporal": [*train, "stage=temporal", f"init_from={out}/appearance", f"run_dir={out}/temporal"],
        "export": [
            "-m",
            "scripts.export_pipeline",
            f"checkpoint={out}/temporal/checkpoints/last.ckpt",
            f"output={out}/pipeline",
            "speech=assets/speech_start.safetensors",
        ],
        "evaluate": [
            "evaluate.py",
            f"pipeline={out}/pipeline",
            "data=demo",
            f"data.folder={data}",
            "protocol=self_reenactment",
            f"run_dir={out}/evaluation",
        ],
        "infer": [
            "infer.py",
            f"pipeline={out}/pipeline",
            f"reference={reference}",
            f"driving={data / rows['test'].path}",
            "crop=false",
            "fps=null",
            "side_by_side=true",
            f"sheet={out}/sheet.png",
            f"output={out}/animation.mp4",
        ],
    }
    records |= {name: _step(out, name, command) for name, command in stages.items()}
    _print_summary(out, _summary(out, records))


def _step(out: Path, name: str, command: list[str]) -> dict:
    return Step(name, command, FinishedJobs(out / "steps")).run()


def _summary(out: Path, records: dict[str, dict]) -> dict:
    metrics = json.loads((out / "evaluation" / "metrics.json").read_text())["metrics"]
    seconds = {name: round(record["seconds"], 1) for name, record in records.items()}
    summary = {
        "nme": metrics["nme"]["generated"]["value"],
        "nme_static": metrics["nme"]["static"]["value"],
        "face_found_rate": metrics["face_found_rate"]["generated"]["value"],
        "psnr": metrics["psnr"]["generated"]["value"],
        "psnr_static": metrics["psnr"]["static"]["value"],
        "ssim": metrics["ssim"]["generated"]["value"],
        "ssim_static": metrics["ssim"]["static"]["value"],
        "train_seconds": round(seconds["appearance"] + seconds["temporal"], 1),
        "total_seconds": round(sum(seconds.values()), 1),
        "peak_memory_gb": round(max(record["peak_memory_gb"] for record in records.values()), 2),
    }
    write_json(out / "summary.json", summary)
    return summary


def _print_summary(out: Path, summary: dict) -> None:
    def shown(key: str, digits: int = 3) -> str:
        value = summary[key]
        return "unavailable" if value is None else f"{value:.{digits}f}"

    print(f"\nHeld-out frames of the clip{'generated':>24}{'static baseline':>18}")
    print(f"{'landmark error (inter-ocular distances)':<39}{shown('nme'):>12}{shown('nme_static'):>18}")
    print(f"{'share of frames where a face was found':<39}{shown('face_found_rate'):>12}")
    print(f"{'PSNR (dB)':<39}{shown('psnr', 2):>12}{shown('psnr_static', 2):>18}")
    print(f"{'SSIM':<39}{shown('ssim'):>12}{shown('ssim_static'):>18}")
    print(
        f"training {summary['train_seconds']:.0f} s, everything {summary['total_seconds']:.0f} s, "
        f"peak memory {summary['peak_memory_gb']:.1f} GB\n"
    )
    print("Look at:")
    for name, what in (
        ("animation.mp4", "reference | pose | generated | real"),
        ("sheet.png", "frames of it"),
        ("appearance/loss.png", "the loss curve; appearance/samples/ shows the face appear"),
        ("summary.json", "these figures; evaluation/metrics.json has all"),
        ("evaluation/report.html", "what was measured, next to the baselines: open it in a browser"),
    ):
        print(f"  {out / name}  ({what})")


if __name__ == "__main__":
    main()
