"""A job counts as finished as long as all that it depended on is the same."""

from faceanim.parallel.finished_jobs import FinishedJobs


def test_a_record_is_found_by_what_the_job_depended_on(tmp_path):
    finished = FinishedJobs(tmp_path / "done")
    assert finished.load("a.mp4", hash="1") is None
    finished.save("a.mp4", hash="1", size=(3, 4), found=None)
    record = {"hash": "1", "size": [3, 4], "found": None}
    assert finished.load("a.mp4", hash="1", size=(3, 4)) == finished.load("a.mp4") == record
    for other in ({"hash": "2"}, {"size": (4, 3)}, {"seed": None}):
        assert finished.load("a.mp4", **other) is None, other


def test_a_damaged_record_is_none(tmp_path):
    finished = FinishedJobs(tmp_path)
    for content in (b"", b"{", b"[]", b"\xff{}"):
        finished.path("a").write_bytes(content)
        assert finished.load("a") is None, content
