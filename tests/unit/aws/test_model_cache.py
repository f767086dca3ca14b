"""EC2's model in pieces: the same as the whole, whatever state its cache is in."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import shutil
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.session
import pytest

from ectwo_cli.aws.fast.loader import QuickLoader
from ectwo_cli.aws.fast.pieces import Pieces
from tests.unit.aws.shapes import SERVICE

OPERATIONS = ("DescribeInstances", "RunInstances", "CopyImage")


def loader(cache_dir: Path | None) -> QuickLoader:
    return QuickLoader(botocore.session.Session().get_component("data_loader"), cache_dir)


def session(cache_dir: Path | None) -> Any:
    made = botocore.session.Session()
    made.register_component("data_loader", loader(cache_dir))
    return made


def whole_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the large files that are read from now on."""
    read: list[str] = []
    standard = botocore.loaders.JSONFileLoader.load_file

    def load_file(self: Any, path: str) -> Any:
        found = standard(self, path)
        if found is not None and path.endswith(("service-2", "endpoints")):
            read.append(Path(path).name)
        return found

    monkeypatch.setattr(botocore.loaders.JSONFileLoader, "load_file", load_file)
    return read


def tree(shape: Any, seen: frozenset[str] = frozenset()) -> Any:
    """All there is to a shape, to any depth."""
    about = (shape.type_name, dict(shape.serialization), dict(shape.metadata))
    if shape.name in seen:
        return about
    seen |= {shape.name}
    if shape.type_name == "structure":
        return (*about, {name: tree(member, seen) for name, member in shape.members.items()})
    if shape.type_name == "list":
        return (*about, tree(shape.member, seen))
    return about


def same_as_whole(cache_dir: Path | None) -> None:
    model = session(cache_dir).get_service_model("ec2")
    assert model.metadata == SERVICE.metadata
    for name in OPERATIONS:
        ours, theirs = model.operation_model(name), SERVICE.operation_model(name)
        assert ours.http == theirs.http
        assert tree(ours.input_shape) == tree(theirs.input_shape)
        assert tree(ours.output_shape) == tree(theirs.output_shape)
        assert ours.idempotent_members == theirs.idempotent_members


def kept(cache_dir: Path) -> list[Path]:
    return sorted(cache_dir.rglob("*.json"))


def test_pieces_are_the_whole_and_are_read_instead_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    same_as_whole(tmp_path)
    read = whole_reads(monkeypatch)

    same_as_whole(tmp_path)

    assert read == []
    assert {"service.json", *(f"{name}.json" for name in OPERATIONS)} <= {file.name for file in kept(tmp_path)}


def test_an_operation_that_is_in_no_piece_is_found(tmp_path: Path) -> None:
    same_as_whole(tmp_path)
    names = SERVICE.operation_names
    model = session(tmp_path).get_service_model("ec2")

    assert tree(model.operation_model(names[-1]).input_shape) == tree(SERVICE.operation_model(names[-1]).input_shape)
    with pytest.raises(botocore.model.OperationNotFoundError):
        model.operation_model("NoSuchOperation")


@pytest.mark.parametrize("content", [b"", b"{", b"00000000\n{}", b"zz\n{}", b"\xff\xfe", b"a3\n[]"])
def test_broken_pieces_are_made_again(tmp_path: Path, content: bytes) -> None:
    same_as_whole(tmp_path)
    good = {file: file.read_bytes() for file in kept(tmp_path)}
    for file in good:
        file.write_bytes(content)

    same_as_whole(tmp_path)

    now = {file: file.read_bytes() for file in kept(tmp_path)}
    assert {file: now[file] for file in now if "endpoints" not in file.name} == {
        file: text for file, text in good.items() if "endpoints" not in file.name
    }


def test_truncated_pieces_are_made_again(tmp_path: Path) -> None:
    same_as_whole(tmp_path)
    for file in kept(tmp_path):
        file.write_bytes(file.read_bytes()[:-20])

    same_as_whole(tmp_path)


def test_a_file_where_the_folder_should_be_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "botocore").write_text("not a folder")

    same_as_whole(tmp_path)

    assert (tmp_path / "botocore").read_text() == "not a folder"


def test_a_folder_that_can_not_be_written_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError

    # A chmod would not stop root.
    monkeypatch.setattr("tempfile.mkstemp", refuse)

    same_as_whole(tmp_path)

    assert kept(tmp_path) == []


def test_without_a_cache_all_is_as_ever() -> None:
    same_as_whole(None)


def installed(folder: Path, change: str = "") -> Path:
    """A copy of botocore's model of EC2, as another installation has it; ``change`` is a further operation's name."""
    source = Path(botocore.loaders.Loader.BUILTIN_DATA_PATH, "ec2")
    version = max(each.name for each in source.iterdir())
    model = folder / "ec2" / version
    model.mkdir(parents=True)
    (found,) = source.joinpath(version).glob("service-2.json*")
    data = json.loads(gzip.decompress(found.read_bytes()) if found.suffix == ".gz" else found.read_bytes())
    if change:
        data["operations"][change] = {**data["operations"]["DescribeInstances"], "name": change}
        data["shapes"]["Instance"]["members"]["NewMember"] = {"shape": "String", "locationName": "newMember"}
    model.joinpath("service-2.json").write_text(json.dumps(data))
    return folder


def members_of_an_instance(cache_dir: Path, data: Path) -> set[str]:
    made = session(cache_dir)
    made.get_component("data_loader").search_paths.insert(0, str(data))
    shape = made.get_service_model("ec2").operation_model("DescribeInstances").output_shape
    return set(shape.members["Reservations"].member.members["Instances"].member.members)


def test_another_botocore_has_pieces_of_its_own(tmp_path: Path) -> None:
    cache, old, new = tmp_path / "cache", tmp_path / "old", tmp_path / "new"
    installed(old)
    installed(new, "DescribeNews")

    before = members_of_an_instance(cache, old)
    upgraded = members_of_an_instance(cache, new)
    downgraded = members_of_an_instance(cache, old)

    assert upgraded - before == {"NewMember"}
    assert downgraded == before
    # Changed in place: an upgrade leaves the path as it is.
    shutil.rmtree(old)
    installed(old, "DescribeNews")
    assert members_of_an_instance(cache, old) == upgraded


def test_pieces_of_long_ago_are_thrown_away(tmp_path: Path) -> None:
    left = tmp_path / "botocore" / "1.0.0-ec2-0000"
    left.mkdir(parents=True)
    os.utime(left, (0, 0))
    recent = tmp_path / "botocore" / "1.1.0-ec2-0000"
    recent.mkdir()

    same_as_whole(tmp_path)

    assert not left.exists()
    assert recent.exists()


def _use(cache_dir: Path) -> None:
    same_as_whole(cache_dir)


def test_processes_that_make_pieces_at_once_do_not_hurt_each_other(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    running = [context.Process(target=_use, args=(tmp_path,)) for _ in range(3)]
    for each in running:
        each.start()
    for each in running:
        each.join()

    assert [each.exitcode for each in running] == [0, 0, 0]
    assert not list(tmp_path.rglob("tmp*"))
    same_as_whole(tmp_path)


def test_the_endpoints_are_those_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    standard = botocore.session.Session()
    for _ in range(2):
        ours = session(tmp_path)
        for service in ("ec2", "ssm", "sts", "pricing"):
            assert ours.get_available_regions(service) == standard.get_available_regions(service)
        assert ours.get_available_regions("ec2", "aws-cn") == standard.get_available_regions("ec2", "aws-cn")
    read = whole_reads(monkeypatch)
    assert session(tmp_path).get_available_regions("ec2") == standard.get_available_regions("ec2")
    assert read == []


def test_a_model_that_needs_all_its_shapes_is_not_cut(tmp_path: Path) -> None:
    whole = {
        "metadata": {},
        "operations": {"A": {}},
        "shapes": {"Refused": {"type": "structure", "members": {}, "exception": True}},
    }
    from ectwo_cli.aws.fast.pieces import Model

    with pytest.raises(LookupError):
        Model(Pieces(tmp_path, lambda: whole)).description()
