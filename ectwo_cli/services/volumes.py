"""Volumes, as far as snapshots are made of them."""

from __future__ import annotations

from ectwo_cli.model import Regional, column, name_of, resource, tags_of


@resource("volume", id_prefix="vol-", operation="DescribeVolumes", items="Volumes[]")
class Volume(Regional):
    """A volume. EC2: DescribeVolumes."""

    name: str | None = column("Tags", read=name_of, filter="tag:Name", default=True, help="the Name tag")
    id: str = column("VolumeId", filter="volume-id", default=True, help="the ID, vol-...")
    state: str | None = column("State", filter="status", default=True, help="the state")
    size_gib: int | None = column("Size", default=True, help="its size in GiB")
    instance_ids: list[str] = column("Attachments[].InstanceId", help="the instances that it is attached to")
    tags: dict[str, str] = column("Tags", read=tags_of, help="its tags")
