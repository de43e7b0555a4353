"""Tiny networks that make faces speak, and sound for them."""

import numpy as np
import torch
from transformers import Wav2Vec2Config

from faceanim.models.aniportrait_audio import AudioToHead, AudioToMesh
from faceanim.models.audio_to_pose import AudioToPose
from faceanim.models.log_mel import RATE

WAV2VEC2 = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
WAV2VEC2 |= {"conv_dim": [8] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}


def talker(seed: int = 0, **options) -> AudioToPose:
    """Whose lips and jaw do something at random, the rest of the face nothing."""
    torch.manual_seed(seed)
    model = AudioToPose(width=8, dropout=0.0, **options).eval()
    with torch.no_grad():
        model.out.weight.unflatten(0, (68, 2))[48:].normal_(std=0.1)
    return model


def babble(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise that comes and goes four times a second."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).normal(0, 0.1, len(time))
    return (noise * np.sin(4 * np.pi * time) ** 2).astype(np.float32)


HEAD = {"width": 8, "heads": 2, "layers": 1, "window": 8, "dropout": 0.0}


def mover(**options):
    """A talker whose head does something at random."""
    model = talker(head=HEAD, **options)
    head = model.head_network
    torch.nn.init.normal_(head.out.weight, std=0.1)
    head.spread_6.copy_(torch.tensor([0.05, 0.05, 0.03, 0.5, 0.4, 0.02]))
    head.bound_6.copy_(2.5 * head.spread_6)
    return model


def networks(max_frames: int = 60) -> tuple[AudioToMesh, AudioToHead]:
    torch.manual_seed(0)
    config = Wav2Vec2Config(**WAV2VEC2)
    head = AudioToHead(config, width=16, layers=2, max_frames=max_frames)
    return AudioToMesh(config, width=16).eval(), head.eval()
