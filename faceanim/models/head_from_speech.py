"""How a head moves while it is heard to speak, step by step from its own past (after AniPortrait, Wei et al., 2024,
arXiv:2403.17694, section 3.1), in a form that does not drift.

A pose is six numbers: yaw, pitch, roll (radians), to the side and down (centimetres), log of the size, each relative to
where the head is on the whole. Shape letters: B batch, C channels of the features, L features in time, S steps,
K steps that are seen, D width, H heads.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEPS_PER_SECOND = 10.0
N_POSE = 6
MIRRORED = (-1.0, 1.0, -1.0, -1.0, 1.0, 1.0)  # a pose in a mirror
_TONES = 4  # numbers that stand for a moment's sound
_AROUND = 5  # steps to either side from which sound is heard
_KEPT = 0.9  # of a pose, at the next step, before anything is learnt: a head returns to its middle
_LEAST, _LARGEST = 0.05, 1.0  # spread of a step, in spreads of the pose
_FIRST = 0.4  # the same before anything is learnt
_FARTHEST_DRAW = 2.5  # standard deviations
_CONSTANT = 0.5 * math.log(2 * math.pi)
LEAST_NLL = math.log(_LEAST) + _CONSTANT


class Step(NamedTuple):
    """Where a pose will be: a Gaussian for each number, in units of the poses' spread."""

    mean_BS6: Tensor
    log_std_BS6: Tensor


class HeadFromSpeech(nn.Module):
    """A causal transformer that says where the head will be next. Each layer attends to the last `window` steps, less
    to farther ones (ALiBi, Press et al., 2022), and to no others: a step costs the same at any time.

    spread_6, bound_6: of the poses trained on; no generated pose exceeds the bound, as mean = bound * tanh(.)
    and what is drawn is clamped.
    """

    def __init__(
        self,
        channels: int,
        feature_rate: float,
        width: int = 32,
        heads: int = 4,
        layers: int = 2,
        window: int = 16,
        dropout: float = 0.1,
    ):
        super().__init__()
        if window < 1 or width % heads:
            raise ValueError(
                f"model.network.head: expected a window of 1 or more and a width that heads divide, "
                f"got window {window}, width {width}, heads {heads}"
            )
        self.hop = feature_rate / STEPS_PER_SECOND  # features from step to step
        self.tones = nn.Conv1d(channels, _TONES, 1)
        self.hear = nn.Linear(_TONES * (2 * _AROUND + 1), width)
        self.feel = nn.Linear(2 * N_POSE, width)
        self.layers = nn.ModuleList(_Layer(width, heads, window, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, 2 * N_POSE)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.register_buffer("spread_6", torch.ones(N_POSE))
        self.register_buffer("bound_6", torch.ones(N_POSE))

    def in_spreads(self, pose_BS6: Tensor) -> Tensor:
        """What the network goes by; beyond the bound is at the bound."""
        return torch.clamp(pose_BS6, -self.bound_6, self.bound_6) / self.spread_6

    def listen(self, features_BCL: Tensor, place_BS: Tensor) -> Tensor:
        """(B, S, D) the sound around each step. place_BS: where the steps lie among the features."""
        width = 2 * round(self.hop / 2) + 1
        tones_BtL = F.avg_pool1d(self.tones(features_BCL), width, 1, width // 2, count_include_pad=False)
        around = self.hop * torch.arange(-_AROUND, _AROUND + 1, device=place_BS.device)
        index_BSa = (place_BS[..., None] + around).round().long().clamp(0, features_BCL.shape[-1] - 1)
        seen_BtSa = tones_BtL.gather(2, index_BSa.flatten(1)[:, None].expand(-1, _TONES, -1))
        return self.hear(seen_BtSa.unflatten(2, index_BSa.shape[1:]).permute(0, 2, 1, 3).flatten(2))

    def forward(
        self,
        past_BS6: Tensor,
        change_BS6: Tensor,
        heard_BSD: Tensor,
        kept: list["_Kept | None"] | None = None,
    ) -> Step:
        """past: in spreads, one step before each that is asked for; change: by how much it differs from the one before
        it. heard: the sound around the step that is asked for. kept: of earlier steps, one entry a layer; it is
        brought up to date."""
        x = self.feel(torch.cat([past_BS6, change_BS6], dim=-1)) + heard_BSD
        for number, layer in enumerate(self.layers):
            x, seen = layer(x, None if kept is None else kept[number])
            if kept is not None:
                kept[number] = seen
        change, deviation = self.out(self.norm(x)).chunk(2, dim=-1)
        bound_6 = self.bound_6 / self.spread_6
        mean = bound_6 * torch.tanh((_KEPT * past_BS6 + change) / bound_6)
        low, high = math.log(_LEAST), math.log(_LARGEST)
        start = (math.log(_FIRST) - low) / (high - low)
        share = torch.sigmoid(deviation + math.log(start / (1 - start)))
        return Step(mean, low + (high - low) * share)

    @torch.no_grad()
    def roll_out(self, heard_1SD: Tensor, generator: torch.Generator) -> Tensor:
        """(S, 6) poses drawn one after the other, the first at the middle. generator: on the CPU."""
        draw_S6 = torch.randn(heard_1SD.shape[1], N_POSE, generator=generator)
        draw_S6 = draw_S6.clamp(-_FARTHEST_DRAW, _FARTHEST_DRAW).to(heard_1SD)
        bound_6 = self.bound_6 / self.spread_6
        kept: list[_Kept | None] = [None] * len(self.layers)
        pose_116 = change_116 = heard_1SD.new_zeros(1, 1, N_POSE)
        poses = [pose_116]
        for s in range(1, heard_1SD.shape[1]):
            step = self(pose_116, change_116, heard_1SD[:, s : s + 1], kept)
            drawn_116 = step.mean_BS6 + step.log_std_BS6.exp() * draw_S6[s]
            drawn_116 = torch.clamp(drawn_116, -bound_6, bound_6)
            pose_116, change_116 = drawn_116, drawn_116 - pose_116
            poses.append(pose_116)
        return torch.cat(poses, dim=1)[0] * self.spread_6


def changes(pose_BS6: Tensor) -> Tensor:
    """From the pose before; of the first one nothing is known."""
    return torch.diff(pose_BS6, dim=1, prepend=pose_BS6[:, :1])


def nll(real_BS6: Tensor, step: Step) -> Tensor:
    """(B, S, 6) negative log-likelihood of real poses, in spreads; nats, LEAST_NLL or more."""
    error = (real_BS6 - step.mean_BS6) * torch.exp(-step.log_std_BS6)
    return step.log_std_BS6 + 0.5 * error.square() + _CONSTANT


def at_steps(pose_BT6: Tensor, fps_B: Tensor) -> Tensor:
    """(B, S, 6) the poses of frames at STEPS_PER_SECOND from the first frame on; linear between frames."""
    T = pose_BT6.shape[1]
    n_steps = int((T - 1) / float(fps_B.max()) * STEPS_PER_SECOND + 1e-4) + 1
    if n_steps < 2:
        raise ValueError(
            f"head motion: expected windows of at least {1 / STEPS_PER_SECOND:g} s, got {T} frames at "
            f"{float(fps_B.max()):g} fps (schedule.audio_to_pose.frames, or model.network.head=null)"
        )
    steps_S = torch.arange(n_steps, device=pose_BT6.device)
    place_BS = (steps_S / STEPS_PER_SECOND * fps_B[:, None]).clamp(max=T - 1)
    before = place_BS.long().clamp(max=T - 2)
    share_BS1 = (place_BS - before)[..., None].to(pose_BT6.dtype)
    before, after = (one[..., None].expand(-1, -1, N_POSE) for one in (before, before + 1))
    return (1 - share_BS1) * pose_BT6.gather(1, before) + share_BS1 * pose_BT6.gather(1, after)


_Kept = tuple[Tensor, Tensor]  # keys and values (B, H, K, D / H) of a layer


class _Layer(nn.Module):
    """Pre-norm; attention to this step and the `window` - 1 before it."""

    def __init__(self, width: int, heads: int, window: int, dropout: float):
        super().__init__()
        self.heads, self.window = heads, window
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.drop = nn.Dropout(dropout)
        slopes_H = 2.0 ** (-8 * torch.arange(1, heads + 1) / heads)  # Press et al., section 3
        self.register_buffer("slopes_H", slopes_H, persistent=False)

    def forward(self, x_BSD: Tensor, kept: _Kept | None) -> tuple[Tensor, _Kept]:
        q, k, v = (
            one.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for one in self.qkv(self.norm1(x_BSD)).chunk(3, dim=-1)
        )
        if kept is not None:
            k, v = torch.cat([kept[0], k], dim=2), torch.cat([kept[1], v], dim=2)
        S, K = q.shape[2], k.shape[2]
        age_SK = torch.arange(K - S, K, device=q.device)[:, None] - torch.arange(K, device=q.device)
        bias_HSK = -self.slopes_H[:, None, None] * age_SK
        bias_HSK = bias_HSK.masked_fill((age_SK < 0) | (age_SK >= self.window), -math.inf)
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=bias_HSK[None].to(q.dtype))
        x = x_BSD + self.drop(self.join(seen.transpose(1, 2).flatten(2)))
        first = max(0, K - self.window + 1)  # what the next step still sees
        return x + self.drop(self.feed(self.norm2(x))), (k[:, :, first:], v[:, :, first:])
