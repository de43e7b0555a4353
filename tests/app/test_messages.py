"""Messages to visitors: warnings of a photo from its landmarks; every type of error has its own words."""

import pytest

from faceanim.app.messages import photo_warnings, upload_error
from faceanim.app.upload_errors import UPLOAD_ERRORS, FileTooLargeError, OutOfMemoryError, from_json, to_json
from faceanim.media import errors as media
from faceanim.pose import errors as pose
from tests.helpers.heads import turned_head
from tests.helpers.platform import settings_of


@pytest.mark.parametrize(
    ("angles", "word"),
    [
        ((40, 7, 0), "turned to the side by about 40 degrees"),
        ((0, 35, 0), "looks up or down"),
        ((0, -21, 0), "looks up or down"),
        ((0, 7, 30), "tilted"),
    ],
)
def test_a_head_that_is_turned_far_gets_a_warning(angles, word):
    (said,) = photo_warnings(turned_head(*angles), 512, 512, n_faces=1)
    assert word in said


def test_a_face_that_looks_into_the_camera_gets_none():
    assert photo_warnings(turned_head(5, 7, -5), 512, 512, n_faces=1) == []
    assert photo_warnings(turned_head(20, 25, -15), 512, 512, n_faces=1) == []


def all_types() -> set[type[ValueError]]:
    """Of media and pose, and the platform's own."""

    def below(kind: type) -> set[type]:
        return {kind}.union(*map(below, kind.__subclasses__()))

    faces = {kind for kind in vars(pose).values() if isinstance(kind, type) and issubclass(kind, ValueError)}
    return {FileTooLargeError, OutOfMemoryError}.union(*map(below, {media.MediaError, *faces}))


@pytest.mark.parametrize("upload", ["photo", "video", "speech"])
def test_every_type_of_error_has_words_of_its_own(upload):
    limits = settings_of("x")[0].limits
    assert all_types() == set(UPLOAD_ERRORS)
    words = {kind: upload_error(kind("changed words"), upload, limits) for kind in all_types()}
    assert len(set(words.values())) == len(words), words
    unknown = upload_error(ValueError("it is empty, truncated and too large"), upload, limits)
    assert unknown not in words.values() and "cannot be used" in unknown


def test_an_error_comes_out_of_another_process_as_it_went_in():
    for kind in all_types():
        error = from_json(to_json(kind("what is in /tmp/x y.png\nis wrong")), "/tmp/x y.png")
        assert type(error) is kind and str(error) == "what is in FILE is wrong"

    class Special(media.EmptyMediaError):
        pass

    assert type(from_json(to_json(Special("a")), "")) is media.EmptyMediaError
    assert type(from_json(to_json(UnicodeDecodeError("utf-8", b"", 0, 1, "bad")), "")) is ValueError
    assert type(from_json({"error": "SystemExit", "message": "a"}, "")) is ValueError
