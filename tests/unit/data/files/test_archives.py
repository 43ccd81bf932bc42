"""Archives are read in a private folder; what they try to do beyond it is refused by name."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from cellenhance.data.files.archives import is_archive, unpacked
from cellenhance.errors import DatasetError

FILES = {"lab/images/a.tif": b"II*\0", "lab/masks/a.tif": b"mask" * 9, "lab/ü 1.txt": b"x"}
TAR_MODES = {".tar": "w", ".tar.gz": "w:gz", ".tar.xz": "w:xz", ".tar.bz2": "w:bz2"}


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def make_tar(path: Path, *members: tarfile.TarInfo, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for member in members:
            archive.addfile(member, io.BytesIO(b"\0" * member.size))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, 4 if kind == tarfile.REGTYPE else 0
    return made


def refused(path: Path, **limit: Any) -> str:
    with pytest.raises(DatasetError) as caught:  # noqa: SIM117
        with unpacked(path, **limit):
            pass
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".zip", *TAR_MODES])
def test_files_are_there_for_as_long_as_they_are_needed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"plate{suffix}"
    if suffix == ".zip":
        make_zip(path, FILES)
    else:
        with tarfile.open(path, TAR_MODES[suffix]) as archive:  # type: ignore[call-overload]
            for name, content in FILES.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    assert is_archive(path)
    with unpacked(path) as folder:
        assert folder.name == "lab"  # the one folder that holds everything
        found = {
            f"lab/{p.relative_to(folder).as_posix()}": p.read_bytes()
            for p in folder.rglob("*")
            if p.is_file()
        }
    assert found == FILES
    assert not folder.exists()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_an_error_inside_removes_the_folder_too(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", FILES)
    with pytest.raises(RuntimeError), unpacked(path) as folder:
        raise RuntimeError
    assert not folder.exists()


@pytest.mark.parametrize(
    "name", ["../evil.tif", "/etc/evil.tif", "a/../../evil.tif", "C:/evil.tif", "a\\..\\..\\evil"]
)
def test_entries_that_point_outside_are_refused_by_name(tmp_path: Path, name: str) -> None:
    for path in (
        make_zip(tmp_path / "a.zip", {"ok.tif": b"x", name: b"x"}),
        make_tar(tmp_path / "a.tar", member("ok.tif"), member(name)),
    ):
        line = refused(path)
        assert repr(name) in line
        assert "points outside" in line


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "ok.tif"),
        (tarfile.CHRTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_are_refused_by_name(tmp_path: Path, kind: bytes, link: str) -> None:
    path = make_tar(tmp_path / "a.tar", member("ok.tif"), member("x/odd", kind, link=link))
    assert "its entry 'x/odd' is a link or a device" in refused(path)


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("images/link.tif")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    assert "'images/link.tif' is a link" in refused(tmp_path / "a.zip")


def test_encrypted_entries_are_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.tif": b"secret"})
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    path.write_bytes(data)
    assert "'a.tif' is encrypted" in refused(path)


@pytest.mark.parametrize("suffix", [".zip", ".tar.xz"])
def test_what_it_unpacks_to_is_bounded(tmp_path: Path, suffix: str) -> None:
    zeros = {"zeros.tif": b"\0" * 3_000_000}
    path = tmp_path / f"bomb{suffix}"
    if suffix == ".zip":
        make_zip(path, zeros)
    else:
        entry = tarfile.TarInfo("zeros.tif")
        entry.size = 3_000_000
        make_tar(path, entry, mode="w:xz")
    assert path.stat().st_size < 10_000
    line = refused(path, limit_gib=0.002)
    assert "unpacks to more than 0.002 GiB" in line
    assert "--archive-limit GIB" in line
    with unpacked(path, limit_gib=0.003) as folder:
        assert (folder / "zeros.tif").stat().st_size == 3_000_000


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a.tar", member("a.tif"), member("./a.tif"))
    assert "'./a.tif' comes twice" in refused(path)
    path = make_tar(tmp_path / "b.tar", member("a"), member("a/b.tif"))
    assert "'a/b.tif' comes twice" in refused(path)


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz", ".tar.xz"])
def test_a_truncated_archive_is_one_line(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    content = bytes(i * i * 31 % 251 for i in range(50_000))
    if suffix == ".zip":
        make_zip(path, {"a.tif": content})
    else:
        entry = tarfile.TarInfo("a.tif")
        entry.size = len(content)
        with tarfile.open(path, TAR_MODES[suffix]) as archive:  # type: ignore[call-overload]
            archive.addfile(entry, io.BytesIO(content))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "damaged or unsupported archive" in refused(path)


def test_a_header_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 8 * 1024**3
    (tmp_path / "a.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
    assert "a header of 8589934592 bytes" in refused(tmp_path / "a.tar")


def test_images_and_text_are_no_archives(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(struct.pack("<2sHI", b"II", 42, 8) + bytes(600))
    (tmp_path / "list.txt").write_text("images/a.tif masks/a.tif\n")
    assert not is_archive(tmp_path / "a.tif")
    assert not is_archive(tmp_path / "list.txt")
    assert not is_archive(tmp_path)
