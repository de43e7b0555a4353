"""How long each stage of the preparation takes, next to a bare decode (python -m benchmarks.prepare --help).

One process, one thread. Seconds of processor time, so that a busy machine changes little.
"""

from faceanim.cli import run_command

if __name__ == "__main__":  # above what takes seconds to import: a mistake is answered at once
    run_command("benchmark_prepare", "benchmarks.prepare")

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager

import cv2
import torch
from hydra import compose
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from faceanim.data.scene_cuts import split_at_cuts
from scripts.prepare_celebvhq_hdtf.filtering import filter_clip
from scripts.prepare_celebvhq_hdtf.first_pass import detect, source_frames
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.process_clip import backend
from scripts.prepare_celebvhq_hdtf.second_pass import write_clips, write_sound
from scripts.prepare_celebvhq_hdtf.sources import read_folder

_CLIP_SECONDS = 8.2  # of a mean clip: 82 hours are 36,000 clips


def main(cfg: DictConfig) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as output:
        options = _options(cfg, output)
        clips = read_folder(options.raw).clips
        landmarker = _timed("load the models", backend, options.landmarks)
        seconds = dict.fromkeys(
            ("decode", "find cuts", "faces and landmarks", "filter", "write", "sound"), 0.0
        )
        n_frames = 0

        @contextmanager
        def stage(name: str):
            began = time.process_time()
            yield
            seconds[name] += time.process_time() - began

        for clip in tqdm(clips, unit="clip", disable=None):
            with stage("decode"):
                for _ in source_frames(clip, options):
                    pass
            with stage("find cuts"):  # decodes too; the difference is reported
                for _ in split_at_cuts(source_frames(clip, options), 8):
                    pass
            with stage("faces and landmarks"):
                detections = detect(clip, options, landmarker)
            with stage("filter"):
                kept = [part for part in filter_clip(clip, detections, options) if not part.reasons]
            with stage("write"):
                if kept:
                    write_clips(clip, kept, detections, options)
            with stage("sound"):
                for part in kept:
                    write_sound(clip, part, detections, options)
            n_frames += len(detections)
    whole = seconds["faces and landmarks"] + seconds["filter"] + seconds["write"] + seconds["sound"]
    seconds["faces and landmarks"] -= seconds["find cuts"]
    seconds["find cuts"] -= seconds["decode"]
    _table(seconds, whole, n_frames, options.fps or detections.fps)


def _options(cfg: DictConfig, output: str) -> PrepareOptions:
    defaults = compose("prepare")  # this process has its folder of configurations already
    own = {"output": output, "split_by": "clip"}
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(PrepareOptions), defaults, cfg, own))


def _timed(name: str, call: Callable, *arguments: object):
    began = time.process_time()
    result = call(*arguments)
    print(f"{name}: {time.process_time() - began:.1f} s, once a process")
    return result


def _table(seconds: dict[str, float], whole: float, n_frames: int, fps: float) -> None:
    print(f"{n_frames} frames at {fps:g} frames/s, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'stage':22}{'ms/frame':>10}{'frames/s':>10}{'of decode':>11}{'clips/hour/core':>18}")
    for name, value in (*seconds.items(), ("all, decoding twice", whole)):
        per_frame = value / n_frames
        clips = 3600 / (per_frame * fps * _CLIP_SECONDS)
        print(
            f"{name:22}{1000 * per_frame:10.2f}{1 / per_frame:10.0f}{value / seconds['decode']:11.2f}{clips:18.0f}"
        )
    hours = whole / n_frames * fps * _CLIP_SECONDS * 36_000 / 3600
    print(f"36,000 clips of {_CLIP_SECONDS} s: {hours:.0f} core-hours")
