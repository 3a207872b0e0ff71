"""Files of the hub as it lists them: which parquet files are the rows of a split, their sizes and digests."""

from __future__ import annotations

import functools
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from trainables.data.source import DataError, MissingDataError, label_names
from trainables.data.wanted import Wanted
from trainables.ledger.digests import digest, git_digest
from trainables.tasks.task import Source

_COMMIT = re.compile("[0-9a-f]{40}")
_REMEDY = (
    "Fetch where the hub can be reached (HF_ENDPOINT names another address of it, HF_TOKEN opens what is closed to "
    "strangers), or from a folder that mirrors it (--data DIR)"
)


def hub_rows(sources: Sequence[Source]) -> list[Wanted]:
    """The files of these sources on the hub, under their names in a mirror.

    Raises MissingDataError for what the hub does not have or does not have as parquet, or when it does not answer.
    """
    by_config: defaultdict[tuple[str, str], dict[str, Source]] = defaultdict(dict)
    for source in sources:
        by_config[source.repository, source.config][source.split] = source
    found: list[Wanted] = []
    for (repository, config), by_split in by_config.items():
        first = next(iter(by_split.values()))
        found += _of_config(repository, config, by_split, commit_of(repository, first.revision))
    return found


@functools.cache
def commit_of(repository: str, revision: str) -> str:
    """The commit behind the revision of a data set; raises MissingDataError when the hub does not say."""
    from huggingface_hub import HfApi  # late: a folder does without

    if _COMMIT.fullmatch(revision):
        return revision
    with friendly(f"hub {repository}@{revision}"):
        return str(HfApi().dataset_info(repository, revision=revision).sha)


def hub_licence(repository: str, commit: str, *, of_model: bool = False) -> str:
    """The licence that a repository's card states; empty where it states none."""
    from huggingface_hub import HfApi

    with friendly(f"hub {repository}@{commit}"):
        ask = HfApi().model_info if of_model else HfApi().dataset_info
        card = ask(repository, revision=commit).card_data
    stated = card.get("license") if card else None
    return ", ".join(map(str, stated)) if isinstance(stated, list) else str(stated or "")


def hub_file(
    repository: str, name: str, commit: str, *, path: str, facts: Any, config: str = "", kind: str, features: Any = None
) -> Wanted:
    """A file of a repository of this kind (`dataset`, `model`); `facts` are what the hub says of it.

    `features` are those of its rows, which the file may lack (`declared`).
    """
    told = facts.lfs.sha256 if facts.lfs else facts.blob_id
    changed = f"{told} with features" if features is not None else told

    def bring(made: Path, staging: Path) -> None:
        from huggingface_hub import hf_hub_download

        place = staging / kind / repository / commit
        got = Path(hf_hub_download(repository, name, repo_type=kind, revision=commit, local_dir=place))
        if told != (digest(got) if facts.lfs else git_digest(got)):
            got.unlink()
            raise DataError(f"{repository} {name} is not what the hub says it is (digest {told[:12]}…)")
        if features is not None:
            declare(got, features)
        got.replace(made)

    return Wanted(
        path=path,
        repository=repository,
        config=config,
        origin=f"hub {repository}@{commit} {name}",
        revision=commit,
        num_bytes=facts.size,
        made_from=lambda: changed,
        bring=bring,
    )


def declare(path: Path, features: Any) -> None:
    """Write the features of a data set into its file where the file names no labels, or others; rows stay as they are.

    The hub may declare them in its card alone, which a folder of files does not have.
    """
    table = pq.read_table(path)
    wanted = features.arrow_schema.metadata
    if label_names(table, str(path)) != label_names(table.replace_schema_metadata(wanted), str(path)):
        pq.write_table(table.replace_schema_metadata(wanted), path)


def _of_config(repository: str, config: str, by_split: Mapping[str, Source], commit: str) -> list[Wanted]:
    import datasets
    from huggingface_hub import HfApi

    where = f"hub {repository}, configuration {config}"
    with friendly(where):
        builder = datasets.load_dataset_builder(repository, config, revision=commit)
        given = builder.config.data_files or {}
        names = {split: [str(file).rpartition(f"@{commit}/")[2] for file in given.get(split, ())] for split in by_split}
        every = [name for of_split in names.values() for name in of_split]
        told = HfApi().get_paths_info(repository, every, revision=commit, repo_type="dataset") if every else []
    facts = {each.path: each for each in told}
    features = builder.info.features if _declares_labels(builder.info.features) else None
    found = []
    for split, files in names.items():
        if not files:
            raise MissingDataError(f"{where} has no split {split}; it has {', '.join(map(str, given)) or 'none'}")
        if others := [name for name in files if not name.endswith(".parquet") or name not in facts]:
            raise MissingDataError(
                f"{where}, split {split} is {others[0]}, not a parquet file. Choose another source of the task "
                "(--set data.repositories.TASK=...), or leave the task out"
            )
        for number, name in enumerate(files):
            path = f"{repository}/{config}/{_mirrored(split, number, len(files))}"
            found.append(
                hub_file(repository, name, commit, path=path, facts=facts[name], config=config, kind="dataset",
                         features=features)
            )  # fmt: skip
    return found


def _mirrored(split: str, number: int, total: int) -> str:
    return f"{split}.parquet" if total == 1 else f"{split}-{number:05}-of-{total:05}.parquet"


def _declares_labels(features: Any) -> bool:
    """Whether a card declares label names; without them a file needs nothing that it does not have."""
    return features is not None and '"ClassLabel"' in json.dumps(features.to_dict())


@contextmanager
def friendly(what: str) -> Iterator[None]:
    """Whatever the hub's client or the network raise becomes MissingDataError."""
    try:
        yield
    except Exception as error:  # every layer below has errors of its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise MissingDataError(f"{what} cannot be had: {type(error).__name__}: {reason}. {_REMEDY}") from error
