"""Every use of torch's private API, so that an upgrade breaks here. Seen to work with torch 2.9 to 2.14."""

import torch
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

__all__ = ["FakeTensorMode", "TorchDispatchMode", "in_backward", "tree_map_only", "unset_fake_temporarily"]


def in_backward() -> bool:
    """Whether autograd is running a backward in this thread."""
    return torch._C._current_graph_task_id() != -1
