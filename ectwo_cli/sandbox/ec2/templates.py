"""Launch templates, which moto keeps: which of them use an image."""

from __future__ import annotations

from ectwo_cli.sandbox import delegate
from ectwo_cli.sandbox.world import Region


def using(here: Region, image_id: str) -> list[str]:
    """The IDs of the launch templates of which a version launches the image."""
    return [
        template.id
        for template in delegate.backend(here).launch_templates.values()
        if any(version.data.get("ImageId") == image_id for version in template.versions)
    ]
