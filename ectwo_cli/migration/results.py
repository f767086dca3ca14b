"""Migrations and copies as resources: what tables, CSV and ``--columns`` know of them."""

from __future__ import annotations

from datetime import datetime

from ectwo_cli.model import Regional, Resource, column, resource


@resource("copy", plural="copies", operation="DescribeImages", items="Images[]")
class CopyRow(Regional):
    """What became of one copy; ``region`` is its destination."""

    name: str = column("Name", default=True, help="the name of the copy")
    id: str | None = column("ImageId", default=True, help="the ID of the copy")
    state: str = column("State", default=True, help="done, skipped, failed, blocked, conflict, detached, queued, ...")
    source: str = column("Source", default=True, help="what it is a copy of, REGION/ID")
    seconds: float | None = column("Seconds", default=True, help="from the request to the end")
    action: str = column("Action", help="what the plan was: copy, skip, fix, adopt, blocked, conflict")
    bytes: int = column("Bytes", help="the data behind it")
    encryption: str = column("Encryption", help="plain, or encrypted and the key")
    attempts: int = column("Attempts", help="how often it was begun in this run")
    reason: str | None = column("Reason", help="why it is not as it should be")
    problems: list[str] = column("Problems[]", help="finishing steps and comparisons that failed")
    instance_id: str | None = column("InstanceId", help="the instance that was launched of it")


@resource("planned copy", plural="planned copies", operation="DescribeImages", items="Images[]")
class PlanRow(Regional):
    """What is to be done about one source in one destination."""

    action: str = column("Action", default=True, help="copy, skip, fix, adopt, blocked or conflict")
    name: str = column("Name", default=True, help="the name of the copy")
    source: str = column("Source", default=True, help="what it is a copy of, REGION/ID")
    size: str = column("Size", default=True, help="the data behind it")
    encryption: str = column("Encryption", default=True, help="plain, or encrypted and the key")
    carries: str | None = column("Carries", default=True, help="tags, permissions and dates that go with it")
    id: str | None = column("ImageId", default=True, help="the copy that is there already")
    reason: str | None = column("Reason", default=True, help="why not, or why it is skipped")


@resource("migration", id_prefix="", operation="DescribeImages", items="Images[]", created="started_at", lookup=())
class Migration(Resource):
    """A migration as EC2 knows it, by the tags of its copies."""

    profile: str | None = column("@profile", default=True, help="the profile whose account it is in")
    id: str = column("Id", default=True, help="its ID, for --resume, --cancel and --undo")
    type: str = column("Type", default=True, help="images or snapshots", values=("images", "snapshots"))
    state: str = column("State", default=True, help="done, copying, unfinished or failed")
    done: int = column("Done", default=True, help="copies that are there")
    total: int = column("Total", default=True, help="copies that were asked for")
    started_at: datetime | None = column("StartedAt", default=True, help="when its first copy was begun")
    destinations: list[str] = column("Destinations[]", default=True, help="regions")
    sources: list[str] = column("Sources[]", help="REGION/ID of what is copied")
