"""``ectwo images share`` and ``unshare``."""

from __future__ import annotations

from collections.abc import Sequence

from ectwo_cli.options.acting import Consent, carry_out
from ectwo_cli.options.targets import Targets
from ectwo_cli.options.views import Report
from ectwo_cli.services import sharing
from ectwo_cli.services.images import Image


def share(selected: Targets[Image], texts: Sequence[str], consent: Consent, view: Report[Image]) -> None:
    """See ``images.share``."""
    from ectwo_cli.render.plan import show_plan

    whom = sharing.audience(texts)
    selection = selected.select()
    if whom.public and selection.items:
        title = "Everybody in the world will be able to launch:"
        notes = ["their snapshots stay private: others can launch them, but not copy them"]
        show_plan(selected.screen, title, [(item, []) for item in selection.items], notes)
        if not consent.dry_run:
            count = len(selection.items)
            consent.require(
                "Make it public?" if count == 1 else f"Make {count} images public?",
                count=count,
                everything=selection.everything,
                ambiguous=selection.ambiguous,
            )
    locked = [item for item in selection.items if any(volume["encrypted"] for volume in item.volumes)]
    for item in locked:
        selected.screen.note(f"{item.name or item.id} is encrypted: whoever is to use it needs access to its key too")
    carry_out(
        selected,
        view,
        selection,
        lambda client, items: sharing.share(client, items, whom, rehearse=consent.dry_run),
    )


def unshare(selected: Targets[Image], texts: Sequence[str], view: Report[Image], *, rehearse: bool) -> None:
    """See ``images.unshare``."""
    whom = sharing.audience(texts)
    carry_out(
        selected,
        view,
        selected.select(),
        lambda client, items: sharing.unshare(client, items, whom, rehearse=rehearse),
    )
