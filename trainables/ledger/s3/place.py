"""Place of a store in a bucket: `s3://bucket/prefix`, with what pyarrow's addresses say behind `?`."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from trainables.ledger.nearest import unknown
from trainables.ledger.paths import clean_text, possible_folder

SCHEME = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_ENDPOINT = re.compile(r"(?:https?://)?[A-Za-z0-9.-]+(?::[0-9]{1,5})?", re.ASCII)
_SCHEMES = ("https", "http")
_KEYS = re.compile(r"s3://[^/\s]*@")
_LONGEST_KEY = 1024
"""Bytes of a key; 400 of them are left for names below the prefix."""


@dataclass(frozen=True, kw_only=True)
class S3Place:
    """Where a store is, without credentials: these come from the environment, as `boto3` finds them.

    Raises ValueError for what cannot be.

    Attributes:
        bucket: that exists.
        prefix: of all keys of the store, without slashes at its ends; empty for the whole bucket.
        endpoint_override: `host` or `host:port` of another service than that of AWS.
        scheme: https, or http for a service that has no other.
        region: of the bucket; empty: as the environment says.
        lease_seconds: after so long without a word from its holder a lock may be taken over.
        wait_seconds: how long errors of the service are waited out.
        cache_gb: gigabytes (10^9 bytes) that fetched artefacts may take on each node.
    """

    bucket: str
    prefix: str = ""
    endpoint_override: str = ""
    scheme: str = "https"
    region: str = ""
    lease_seconds: float = 60.0
    wait_seconds: float = 600.0
    cache_gb: float = 100.0

    def __post_init__(self) -> None:
        if not _BUCKET.fullmatch(self.bucket):
            raise ValueError(f"{self.bucket!r} is no name of a bucket; allowed: s3://BUCKET/PREFIX")
        parts = self.prefix.split("/") if self.prefix else []
        if any(part in ("", ".", "..") for part in parts) or len(self.prefix.encode()) > _LONGEST_KEY - 400:
            raise ValueError(f"{self.prefix!r} is no prefix; allowed: names apart by single slashes, at most 624 bytes")
        if self.endpoint_override and not _ENDPOINT.fullmatch(self.endpoint_override):
            raise ValueError(f"endpoint_override {self.endpoint_override!r}; allowed: HOST or HOST:PORT")
        if self.scheme not in _SCHEMES:
            raise ValueError(unknown("scheme", self.scheme, _SCHEMES))
        for name, least in (("lease_seconds", 3.0), ("wait_seconds", 1.0), ("cache_gb", 0.001)):
            if not least <= getattr(self, name) <= 1e6:
                raise ValueError(f"{name} must be {least:g} to 1000000, got {getattr(self, name):g}")

    def __str__(self) -> str:
        said = {
            each.name: f"{value:g}" if isinstance(value := getattr(self, each.name), float) else value
            for each in fields(self)
            if each.name not in ("bucket", "prefix") and getattr(self, each.name) != each.default
        }
        return f"{self.address}?{urlencode(said, safe=':/')}" if said else self.address

    @property
    def address(self) -> str:
        """Bucket and prefix alone."""
        return f"{SCHEME}{self.bucket}" + (f"/{quote(self.prefix)}" if self.prefix else "")

    @property
    def endpoint(self) -> str:
        """The address of the service; empty for AWS."""
        if "://" in self.endpoint_override or not self.endpoint_override:
            return self.endpoint_override
        return f"{self.scheme}://{self.endpoint_override}"


def is_s3(place: object) -> bool:
    """Whether a place is meant to be in a bucket."""
    return isinstance(place, str) and place.startswith(SCHEME)


def read_place(text: str) -> S3Place:
    """The place that an address means; raises ValueError, which repeats no credentials."""
    split = urlsplit(clean_text(text))
    if "@" in split.netloc:
        raise ValueError("an address of a store holds no keys; allowed: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if split.fragment:
        raise ValueError("allowed: s3://BUCKET/PREFIX?NAME=VALUE without #")
    own = {each.name: each.type for each in fields(S3Place) if each.name not in ("bucket", "prefix")}
    given: dict[str, str | float] = {}
    for name, value in parse_qsl(split.query, keep_blank_values=True):
        if name not in own:
            raise ValueError(unknown("setting of an S3 address", name, sorted(own)))
        given[name] = value if own[name] == "str" else _number(name, value)
    return S3Place(bucket=split.netloc, prefix=clean_text(unquote(split.path)).strip("/"), **given)  # type: ignore[arg-type]


def without_keys(text: str) -> str:
    """What was given, to be quoted: credentials that somebody has put into an address are not."""
    return _KEYS.sub(f"{SCHEME}...@", text)


def possible_place(text: str) -> str:
    """The place of a store, a folder or an address in a bucket; raises ValueError with the reason."""
    return str(read_place(text)) if is_s3(text) else possible_folder(text)


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{name} must be a number, got {value!r}") from None
