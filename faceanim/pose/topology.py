"""The 68 iBUG face points, grouped into the curves that pose images show.

Left and right are the person's own: the right eye is on the left of an unmirrored image.
"""

from dataclasses import dataclass

N_POINTS = 68


@dataclass(frozen=True)
class Part:
    """One curve through the points `start` to `stop` (exclusive), in an RGB colour of its own (0-255)."""

    name: str
    start: int
    stop: int
    closed: bool
    colour: tuple[int, int, int]

    @property
    def points(self) -> slice:
        return slice(self.start, self.stop)

    @property
    def indices(self) -> tuple[int, ...]:
        return tuple(range(self.start, self.stop))


PARTS = (
    Part("jaw", 0, 17, closed=False, colour=(255, 255, 255)),
    Part("right_brow", 17, 22, closed=False, colour=(255, 140, 0)),
    Part("left_brow", 22, 27, closed=False, colour=(150, 255, 0)),
    Part("nose_bridge", 27, 31, closed=False, colour=(255, 255, 0)),
    Part("nose_base", 31, 36, closed=False, colour=(0, 190, 130)),
    Part("right_eye", 36, 42, closed=True, colour=(0, 110, 255)),
    Part("left_eye", 42, 48, closed=True, colour=(0, 255, 255)),
    Part("outer_lips", 48, 60, closed=True, colour=(255, 0, 60)),
    Part("inner_lips", 60, 68, closed=True, colour=(255, 0, 255)),
)

JAW = tuple(range(0, 17))
RIGHT_BROW = tuple(range(17, 22))
LEFT_BROW = tuple(range(22, 27))
NOSE = tuple(range(27, 36))
RIGHT_EYE = tuple(range(36, 42))
LEFT_EYE = tuple(range(42, 48))
MOUTH = tuple(range(48, 68))
CHIN = 8
NOSE_TIP = 30
NOSE_BASE = 33
UPPER_LIP = 51
INNER_LIP_PAIRS = ((61, 67), (62, 66), (63, 65))  # upper, lower
EYELIDS = ((37, 41), (38, 40), (43, 47), (44, 46))  # upper, lower; two of the right eye, two of the left

# Where each of the 68 points lies on MediaPipe's face mesh (478 vertices): on a vertex, or halfway between two.
# The pairs were chosen, mirrored left to right, by their distance from dlib's points in fourteen videos.
MEDIAPIPE_VERTICES = (
    # jaw: the mesh's oval from the right temple over the chin to the left temple
    *(
        (127, 127),
        (234, 93),
        (93, 132),
        (132, 58),
        (172, 172),
        (136, 136),
        (149, 149),
        (176, 148),
        (152, 152),
    ),
    *((400, 377), (378, 378), (365, 365), (397, 397), (361, 288), (323, 361), (454, 323), (356, 356)),
    # right brow, left brow
    *((70, 70), (63, 63), (105, 66), (66, 107), (107, 55)),
    *((285, 336), (336, 296), (296, 334), (293, 293), (300, 300)),
    # nose: bridge, base
    *((168, 168), (6, 197), (195, 5), (4, 4)),
    *((240, 240), (97, 97), (2, 2), (326, 326), (460, 460)),
    # right eye, left eye
    *((33, 33), (160, 159), (158, 158), (155, 173), (153, 153), (144, 144)),
    *((398, 382), (385, 385), (386, 387), (263, 263), (373, 373), (380, 380)),
    # outer lips: upper, lower
    *((61, 61), (39, 40), (37, 37), (0, 0), (267, 267), (269, 270), (291, 291)),
    *((321, 405), (314, 314), (17, 17), (84, 84), (91, 181)),
    # inner lips: upper, lower
    *((78, 78), (82, 82), (13, 13), (312, 312), (308, 308), (317, 317), (14, 14), (87, 87)),
)
