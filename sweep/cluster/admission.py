"""Admission: whether the head of a Ray cluster lets this process in, before Ray itself tries for half a minute."""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Iterator

import grpc
import ray
from ray._common.usage.usage_constants import CLUSTER_METADATA_KEY
from ray._private.authentication.authentication_token_setup import AuthenticationTokenLoader, Config
from ray._private.authentication.http_token_authentication import get_auth_headers_if_auth_enabled
from ray._private.ray_constants import KV_NAMESPACE_CLUSTER
from ray.core.generated.gcs_service_pb2 import CheckAliveRequest, InternalKVGetRequest
from ray.core.generated.gcs_service_pb2_grpc import InternalKVGcsServiceStub, NodeInfoGcsServiceStub
from ray.exceptions import AuthenticationError

from sweep.cluster.errors import RayError
from sweep.cluster.reach import CONNECT_SECONDS, host_and_port

TOKEN_MODE = "RAY_AUTH_MODE"
"""Variable that is `token` where clients say a token; Ray says none to an explicit address without it."""
TOKEN_REMEDY = (
    "`ray get-auth-token` on the head shows the cluster's; give it as RAY_AUTH_TOKEN, or put it into ~/.ray/auth_token"
)


def check_admission(address: str) -> None:
    """Raise RayError if the head at `host:port` wants another token, or runs another Ray or Python.

    Of a cluster with TLS nothing is asked, and a head that answers in no known way is left to Ray.
    """
    if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
        return
    host, port = host_and_port(address)
    token = _token(address)
    with grpc.insecure_channel(f"[{host}]:{port}" if ":" in host else f"{host}:{port}") as channel:
        try:
            alive = NodeInfoGcsServiceStub(channel).CheckAlive(
                CheckAliveRequest(), timeout=CONNECT_SECONDS, metadata=token
            )
            versions = {"ray": alive.ray_version} | _metadata(channel, token)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                raise RayError(_refusal(address, has_token=bool(token))) from error
            return
    _compare(address, versions)


@contextlib.contextmanager
def own_authentication() -> Iterator[None]:
    """Whether this process says a token and asks for one is what its environment says, now and afterwards.

    `ray.init` may turn tokens on for the whole process, and Ray's core keeps to what it has read. A process that then
    joins a cluster without tokens answers none of its nodes, and they take it for dead: no actor ever starts.
    """
    before = os.environ.get(TOKEN_MODE)
    _forget()
    try:
        yield
    finally:
        os.environ.pop(TOKEN_MODE, None)
        if before is not None:
            os.environ[TOKEN_MODE] = before
        _forget()


def _forget() -> None:
    """Have Ray's core read its environment and its token anew."""
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


def _token(address: str) -> list[tuple[str, str]]:
    """What a call says of who makes it; raises RayError where a token is to be said and there is none."""
    try:
        return [(name.lower(), value) for name, value in get_auth_headers_if_auth_enabled({}).items()]
    except AuthenticationError as error:
        raise RayError(
            f"{TOKEN_MODE} is token, but there is no token for the Ray cluster at {address!r}. {TOKEN_REMEDY}"
        ) from error


def _metadata(channel: grpc.Channel, token: list[tuple[str, str]]) -> dict[str, str]:
    """The versions that the head has noted; nothing where it has none."""
    request = InternalKVGetRequest(key=CLUSTER_METADATA_KEY, namespace=KV_NAMESPACE_CLUSTER)
    found = InternalKVGcsServiceStub(channel).InternalKVGet(request, timeout=CONNECT_SECONDS, metadata=token).value
    noted = json.loads(found) if found else {}
    return {"ray": noted["ray_version"], "python": noted["python_version"]} if noted else {}


def _refusal(address: str, *, has_token: bool) -> str:
    if has_token:
        return f"the Ray cluster at {address!r} does not know the token of this process. {TOKEN_REMEDY}"
    return f"the Ray cluster at {address!r} asks for a token. Set {TOKEN_MODE}=token; {TOKEN_REMEDY}"


def _compare(address: str, versions: dict[str, str]) -> None:
    here = {"ray": ray.__version__, "python": platform.python_version()}
    if others := [f"{name} {has}, here {here[name]}" for name, has in versions.items() if has and has != here[name]]:
        raise RayError(
            f"the Ray cluster at {address!r} has other versions: {'; '.join(others)}. Start the sweep and every node "
            f"from the same environment (docs/cluster.md: what nodes need)"
        )
