"""Display matrices of videos: rotation and mirroring of decoded frames. H, W: pixels; C: channels."""

import av
import numpy as np
from av.sidedata.sidedata import Type

_TURNS = ((1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0))  # counter-clockwise by quarters


def display_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int] | None:
    """The frame's display matrix, a, b, c and d of ISO/IEC 14496-12, 6.2.2; None where it has none.

    The container's, which decoders lay on every frame before their own findings and which counts in browsers; else one
    of the coded frames. x and y run to the right and down.
    """
    try:
        side_data = list(frame.side_data)
    except ValueError:  # of a kind unknown to av, which then reports the rotation only
        return _TURNS[round(frame.rotation / 90) % 4]
    for data in side_data:
        if data.type == Type.DISPLAYMATRIX:
            a, b, _, c, d = np.frombuffer(data, np.int32)[:5].tolist()
            return a, b, c, d
    return None


def upright(image_HWC: np.ndarray, matrix: tuple[int, int, int, int] | None) -> np.ndarray:
    """Turn and mirror an image as a display matrix says: (x, y) goes to (a x + c y, b x + d y).

    As browsers show it: the nearest of the eight ways that keep the pixels as they are; the translation, which only
    brings the picture back to the origin, and the scale do not matter.
    """
    if matrix is None:
        return image_HWC
    a, b, c, d = matrix
    along_x, along_y = a, d
    if abs(b) + abs(c) > abs(a) + abs(d):  # a transpose: columns come from y
        image_HWC = image_HWC.swapaxes(0, 1)
        along_x, along_y = c, b
    if along_x < 0:
        image_HWC = image_HWC[:, ::-1]
    if along_y < 0:
        image_HWC = image_HWC[::-1]
    return np.ascontiguousarray(image_HWC)
