"""The verbs of ``ectwo instances`` that do something."""

from __future__ import annotations

from ectwo_cli.commands import (
    images_making,
    instances_clone,
    instances_launch,
    instances_lifecycle,
    instances_resize,
    instances_ssh,
)

VERBS = {
    "launch": instances_launch.launch,
    "clone": instances_clone.clone,
    "ssh": instances_ssh.ssh,
    "start": instances_lifecycle.start,
    "stop": instances_lifecycle.stop,
    "reboot": instances_lifecycle.reboot,
    "terminate": instances_lifecycle.terminate,
    "protect": instances_lifecycle.protect,
    "wait": instances_lifecycle.wait,
    "console": instances_lifecycle.console,
    "image": instances_lifecycle.image,
    "address": instances_lifecycle.address,
    "resize": instances_resize.resize,
    "create-image": images_making.create,
}
