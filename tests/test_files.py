import os
import threading
from pathlib import Path

import pytest

from auditor.errors import NotDelivered
from auditor.files import is_stream, write_file, write_files


def test_a_file_is_replaced_and_nothing_stays_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    path.chmod(0o640)
    write_file(path, "größer —\n")
    assert path.read_text("utf-8") == "größer —\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["report.json"]


def test_a_link_keeps_pointing_where_it_points(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    seen: list[str] = []
    reader = threading.Thread(target=lambda: seen.append(pipe.read_text()))
    reader.start()
    write_file(pipe, "through")
    reader.join(10)
    assert seen == ["through"]
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["missing/report.json", "folder"])
def test_what_cannot_be_written_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(NotDelivered, match="Cannot write"):
        write_file(tmp_path / name, "x")
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.parametrize("second", ["folder", "missing/second"])
def test_files_that_belong_together_are_all_written_or_none(tmp_path: Path, second: str) -> None:
    (tmp_path / "folder").mkdir()
    first = tmp_path / "first"
    first.write_text("old")
    with pytest.raises(NotDelivered, match=f"Cannot write .*{second}"):
        write_files([(first, "new"), (tmp_path / second, "new")])
    assert first.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["first", "folder"]
    write_files([(first, "new"), (tmp_path / "second", "too")])
    assert (first.read_text(), (tmp_path / "second").read_text()) == ("new", "too")
    assert sorted(os.listdir(tmp_path)) == ["first", "folder", "second"]


def test_what_nothing_can_stand_beside_is_a_stream(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    assert [is_stream(path) for path in ("-", "/dev/null", str(tmp_path / "pipe"))] == [True] * 3
    assert [is_stream(str(tmp_path / name)) for name in ("file", "new", "")] == [False] * 3
