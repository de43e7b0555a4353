"""The 68 iBUG face points, grouped into the curves that pose images show.

Left and right are the person's own: the right eye is on the left of an unmirrored picture.
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
