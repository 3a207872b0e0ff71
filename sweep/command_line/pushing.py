"""Pushing a folder to the Hugging Face hub, with the login of its own client."""

from __future__ import annotations

import shlex
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from trainables.ledger.plain import plain

LONGEST_REASON = 300


class PushError(ValueError):
    """A folder that is written and did not reach the hub."""


def check_id(repo_id: str) -> None:
    """Raise ValueError for what cannot be the id of a repository."""
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise ValueError(f"--push {repo_id}: {plain(str(error), LONGEST_REASON)}; allowed: owner/name") from error


def push(folder: Path, repo_id: str, *, private: bool) -> str:
    """Upload all files of a folder, as one commit, into a repository that is made where it is not there.

    Returns its address. The token is that of the client: its login, or HF_TOKEN. Raises PushError.
    """
    client = HfApi()
    try:
        made = client.create_repo(repo_id, repo_type="model", private=private or None, exist_ok=True)
        client.upload_folder(
            repo_id=made.repo_id, folder_path=folder, repo_type="model", commit_message="Model exported by xstilts"
        )
    except Exception as error:  # the client, its transport and the network have errors of their own
        reason = plain((str(error).strip().splitlines() or [""])[0], LONGEST_REASON)
        later = f"hf upload {shlex.quote(repo_id)} {shlex.quote(str(folder))}"
        raise PushError(
            f"the model is in {folder}; it was not pushed to {repo_id} ({type(error).__name__}: {reason}). `hf auth "
            f"login` logs in; `{later}` pushes it later"
        ) from error
    return str(made)
