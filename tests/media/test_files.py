"""Files appear whole or not at all."""

import json
import resource

import pytest

from faceanim.media.errors import MediaError
from faceanim.media.files import atomic_path, write_json


def test_the_file_appears_under_its_name_when_the_block_succeeds(tmp_path):
    target = tmp_path / "new" / "folder" / "a.txt"
    with atomic_path(target) as temporary:
        assert temporary.parent == target.parent and temporary.suffix == ".txt"
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_a_failing_block_leaves_the_older_file_and_no_rubbish(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("older")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "older"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_in_a_folders_place_is_one_line_naming_the_path(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match=r"cannot write .*file/a\.txt: (Not a directory|File exists)"):
        write_json(tmp_path / "file" / "a.txt", {})
    with pytest.raises(MediaError, match="Is a directory"):
        write_json(tmp_path, {})


def test_running_out_of_room_is_one_line_and_leaves_nothing(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        message = r"cannot write .*a\.bin: File too large"
        with pytest.raises(MediaError, match=message), atomic_path(tmp_path / "a.bin") as temporary:
            temporary.write_bytes(bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_json_has_sorted_keys_and_refuses_nan(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": [2.5, None]})
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == {"a": [2.5, None], "b": 1} and text.index('"a"') < text.index('"b"')
    with pytest.raises(ValueError):
        write_json(tmp_path / "nan.json", {"a": float("nan")})
    assert not (tmp_path / "nan.json").exists()
