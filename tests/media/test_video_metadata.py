import av
import numpy as np

from faceanim.media.video_writer import AI_GENERATED, write_video


def test_a_comment_stands_in_the_files_metadata(tmp_path):
    write_video(tmp_path / "a.mp4", np.zeros((2, 16, 16, 3), np.uint8), 24, comment=AI_GENERATED)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.metadata["comment"] == AI_GENERATED
