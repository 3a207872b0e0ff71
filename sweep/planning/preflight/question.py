"""Question: what every node of a cluster is asked before a sweep starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a node is asked, as the driver sees it itself.

    Attributes:
        files: path -> bytes of every file of rows.
        digests: path -> SHA-256 of those that are to be read whole.
        encoder: name of the encoder; empty where the driver cannot have it itself.
        revision: of an encoder of the hub.
        fingerprint: of the encoder's files.
        bucket: address of a store in a bucket, whose keys are on the node; empty for one in a folder.
        probe: file that the driver has written beside or in the store; its content is `token`.
        token: as above.
        lock: file whose lock the driver holds.
        needs_hub: whether rows or encoder come from the hub.
        all_gpus: whether GPUs are looked at that are hidden from this process, as Ray hides them.
        peers: addresses that the node should reach, `host:port`.
    """

    files: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    encoder: str = ""
    revision: str = ""
    fingerprint: str = ""
    bucket: str = ""
    probe: str = ""
    token: str = ""
    lock: str = ""
    needs_hub: bool = False
    all_gpus: bool = False
    peers: tuple[str, ...] = ()
