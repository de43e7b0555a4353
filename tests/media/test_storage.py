"""Clips and index from wherever fsspec reads."""

import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import fsspec
import pytest
import torch

from faceanim.data.dataset import FaceClipDataset
from faceanim.data.frame_selection import SamplingRules
from faceanim.data.prepared_folder import load_clip, read_index
from faceanim.media.errors import MediaError
from faceanim.media.storage import is_url, join, local_copy


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        """Nothing on the terminal."""


def in_memory(folder: Path, _: Path) -> str:
    fsspec.filesystem("memory").put(f"{folder}/", "/prepared/", recursive=True)
    return "memory://prepared"


def in_a_zip(folder: Path, scratch: Path) -> str:
    with zipfile.ZipFile(scratch / "data.zip", "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, Path("inside") / path.relative_to(folder))
    return f"zip://inside::{scratch}/data.zip"


def over_http(folder: Path, _: Path) -> str:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize("place", [in_memory, in_a_zip, over_http, lambda folder, _: f"file://{folder}"])
def test_samples_from_an_object_store_equal_those_from_the_disk(place, demo_data, tmp_path):
    url = place(demo_data, tmp_path)
    rules = SamplingRules(frames=2, motion_frames=1)
    local, remote = (FaceClipDataset(folder, "train", rules)[3] for folder in (demo_data, url))
    assert torch.equal(local.frames_NHW3, remote.frames_NHW3)
    assert torch.equal(local.pose_THW3, remote.pose_THW3)
    assert read_index(url) == read_index(demo_data)
    row = read_index(url)[0]
    assert (load_clip(url, row, 3).frames == load_clip(demo_data, row, 3).frames).all()


def test_the_name_is_added_to_the_first_location_of_a_chain():
    assert join("data", "a/b.mp4") == Path("data/a/b.mp4") and not is_url("data")
    assert join("s3://bucket/data/", "a.mp4") == "s3://bucket/data/a.mp4"
    assert join("simplecache::s3://bucket/data", "a.mp4") == "simplecache::s3://bucket/data/a.mp4"
    assert join("zip://::s3://bucket/data.zip", "a.mp4") == "zip://a.mp4::s3://bucket/data.zip"


def test_a_copy_is_gone_after_its_use(tmp_path):
    fsspec.filesystem("memory").pipe("/one/a.txt", b"content")
    with local_copy("memory://one/a.txt") as copy:
        assert copy.name == "a.txt" and copy.read_bytes() == b"content"
    assert not copy.exists()


@pytest.mark.parametrize("url", ["memory://nowhere", "nonsense://data", "zip://::/nowhere.zip"])
def test_what_cannot_be_read_is_one_clear_error(url):
    with pytest.raises(MediaError, match="cannot read") as caught:
        read_index(url)
    assert url.split("://")[0] in str(caught.value) and "\n" not in str(caught.value)


def test_a_broken_index_is_named_by_its_url():
    fsspec.filesystem("memory").pipe("/broken/index.parquet", b"nothing")
    with pytest.raises(ValueError, match="memory://broken"):
        read_index("memory://broken")
