"""Whether the runs of a plan can start from its encoder: asked before anything runs, without torch.

The files are looked at, not loaded: which there are, the configuration, the header of the weights, the tokenizer's
vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces.encoder_files import CONFIG, EncoderFiles, architecture_of, encoder_files, number_in
from trainables.data.cache_folder import cache_folder, check_cache_folder
from trainables.ledger.plain import plain
from trainables.ledger.spec import RunSpec
from trainables.model.architectures import ARCHITECTURES, SLOW_TOKENIZERS, VARYING_ROPE, Architecture
from trainables.model.bundled_source import find_source
from trainables.model.names import (
    BUNDLED_FOLDER,
    OTHER_WEIGHTS,
    REMEDY,
    EncoderKind,
    EncoderUnavailableError,
    parse_encoder,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WEIGHTS = "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
SPECIAL_TOKENS = "special_tokens_map.json"
_GENERIC = (None, "PreTrainedTokenizerFast", "TokenizersBackend")
"""Classes of tokenizers that have the special tokens in their files, and no others."""
_BUNDLED_POSITIONS = 512


def check_encoder(name: str, revision: str, specs: Iterable[RunSpec]) -> None:
    """Raise unless runs with these specs can start from the encoder.

    ValueError for an encoder of the wrong kind: an architecture that is not known, a tokenizer without a fast version,
    inputs longer than its positions. EncoderUnavailableError for files that are not there, damaged, or on a hub that
    does not answer and in no cache. CacheFolderError where the bundled encoder has no place to be.
    """
    encoder, runs = parse_encoder(name), list(specs)
    if not runs:
        return
    if encoder.kind is EncoderKind.BUNDLED:
        find_source()
        if not (cache_folder() / BUNDLED_FOLDER).is_dir():
            check_cache_folder()
        _check_lengths(encoder.name, _BUNDLED_POSITIONS, runs)
        return
    files = encoder_files(encoder, revision)
    if CONFIG not in files.names:
        raise EncoderUnavailableError(f"encoder {encoder.name!r} has no {CONFIG}; {_there(files)}")
    architecture = architecture_of(encoder, files.read(CONFIG))
    _check_configuration(files, architecture)
    _check_weights(files, architecture)
    _check_tokenizer(files, architecture, runs)
    _check_uses(files, architecture, runs)


def _check_configuration(files: EncoderFiles, architecture: Architecture) -> None:
    """Settings with which transformers would compute something that no run is made for."""
    config, name = files.read(CONFIG), files.encoder.name
    decoder = ("is_decoder", (False, None), "a decoder does not see what follows")
    for field, allowed, why in (*architecture.refused, decoder):
        if config.get(field) not in allowed:
            raise ValueError(
                f"encoder {name!r}: its {CONFIG} has {field} {config[field]!r:.40}; {why}; allowed: {allowed[0]!r}"
            )
    for kind in _rope_kinds(config.get("rope_parameters") or config.get("rope_scaling")):
        if kind in VARYING_ROPE:
            raise ValueError(
                f"encoder {name!r}: its {CONFIG} has positions of the kind {kind!r}, which depend on the other rows of "
                "a batch; allowed: 'default', or another kind that does not"
            )


def _rope_kinds(given: object) -> list[object]:
    """Kinds of rotary positions that a configuration names, for all layers or by their kind."""
    if not isinstance(given, Mapping):
        return []
    own = [given[key] for key in ("rope_type", "type") if isinstance(given.get(key), str)]
    return own + [kind for inner in given.values() for kind in _rope_kinds(inner)]


def _check_weights(files: EncoderFiles, architecture: Architecture) -> None:
    """Weights as safetensors, all of them, with headers that can be read and a table of the configured size."""
    names: Sequence[str] = (WEIGHTS,)
    if WEIGHTS not in files.names:
        if INDEX not in files.names:
            others = [name for name in sorted(files.names) if name.endswith(OTHER_WEIGHTS)]
            only = f"only {', '.join(others)}, which can run code when it is loaded" if others else _there(files)
            raise EncoderUnavailableError(
                f"encoder {files.encoder.name!r} has no weights as safetensors ({WEIGHTS}); {only}; {REMEDY}, "
                "then give the folder"
            )
        parts = files.read(INDEX).get("weight_map")
        if not isinstance(parts, dict) or not all(isinstance(part, str) for part in parts.values()):
            raise EncoderUnavailableError(f"encoder {files.encoder.name!r}: {INDEX} has no weight_map")
        names = sorted(set(parts.values()))
        if absent := [name for name in names if name not in files.names]:
            raise EncoderUnavailableError(f"encoder {files.encoder.name!r} lacks {', '.join(map(plain, absent))}")
    rows = number_in(files.encoder, files.read(CONFIG), "vocab_size")
    for name in names if files.folder else ():
        for key, shape in _shapes(files.folder / name).items() if files.folder else ():
            if f".{key}".endswith(f".{architecture.table}") and shape[:1] != [rows]:
                raise EncoderUnavailableError(
                    f"encoder {files.encoder.name!r}: {name} has {shape[0]:,} rows in its word embedding, {CONFIG} "
                    f"says {rows:,}"
                )


def _shapes(path: Path) -> dict[str, list[int]]:
    """Shapes by name, from the header of a file of weights; raises EncoderUnavailableError for a damaged one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {key: list(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise EncoderUnavailableError(f"the weights in {str(path)!r} cannot be read: {error}") from error


def _check_tokenizer(files: EncoderFiles, architecture: Architecture, runs: Sequence[RunSpec]) -> None:
    """A tokenizer with a fast version, whose vocabulary fits the encoder's, with the special tokens that runs need."""
    config, name = files.read(CONFIG), files.encoder.name
    told = files.read(TOKENIZER_CONFIG) if TOKENIZER_CONFIG in files.names else {}
    kind = told.get("tokenizer_class") or config.get("tokenizer_class")
    if isinstance(kind, str) and kind in SLOW_TOKENIZERS:
        raise ValueError(f"encoder {name!r}: its tokenizer {kind} has no fast version, so no character offsets")
    vocabulary = architecture.vocabulary
    if TOKENIZER not in files.names and not (vocabulary and set(vocabulary) <= files.names):
        also = f" or {' and '.join(vocabulary)}" if vocabulary else ""
        raise EncoderUnavailableError(f"encoder {name!r} has no tokenizer: {TOKENIZER}{also}; {_there(files)}")
    if files.folder and TOKENIZER in files.names:
        size, rows = _vocabulary(files.folder / TOKENIZER), number_in(files.encoder, config, "vocab_size")
        if size > rows:
            raise EncoderUnavailableError(
                f"encoder {name!r}: its tokenizer has {size:,} entries, more than its word embedding has rows "
                f"({rows:,}): they do not belong together"
            )
    if kind in _GENERIC and TOKENIZER in files.names:
        _check_special_tokens(files, told, masks=any(spec.mlm for spec in runs))


def _check_special_tokens(files: EncoderFiles, told: Mapping[str, object], *, masks: bool) -> None:
    """Whether a tokenizer that knows none by itself is told of padding and masks, and begins and ends inputs."""
    name = files.encoder.name
    also = files.read(SPECIAL_TOKENS) if SPECIAL_TOKENS in files.names else {}
    for token, wanted in (("pad_token", True), ("mask_token", masks)):
        if wanted and not told.get(token) and not also.get(token):
            use = "MLM needs" if token == "mask_token" else "batches need"
            without = "; allowed: --mlm off, or a tokenizer with one" if token == "mask_token" else ""
            raise ValueError(
                f"encoder {name!r}: its tokenizer has no {token}, which {use}: {TOKENIZER_CONFIG} names none{without}"
            )
    if files.folder:
        marks = _tokenizer(files.folder / TOKENIZER).encode("a", "b").special_tokens_mask
        if not marks or not marks[0] or not marks[-1] or 1 not in marks[1:-1]:
            raise ValueError(
                f"encoder {name!r}: its tokenizer puts no special tokens before, between and after two texts; allowed: "
                f"a {TOKENIZER} with a post_processor that does"
            )


def _vocabulary(path: Path) -> int:
    """Ids of a tokenizer's file, gaps included; raises EncoderUnavailableError for a damaged one."""
    return max(_tokenizer(path).get_vocab(with_added_tokens=True).values(), default=-1) + 1


def _tokenizer(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer  # late: most plans do without

    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises no other class
        raise EncoderUnavailableError(f"the tokenizer {str(path)!r} cannot be read: {plain(str(error))}") from error


def _check_uses(files: EncoderFiles, architecture: Architecture, runs: Sequence[RunSpec]) -> None:
    """Whether the encoder can do what the runs ask of it."""
    config, name = files.read(CONFIG), files.encoder.name
    embedding = sorted({task for spec in runs if spec.retrieval for task in spec.tasks})
    if embedding and not architecture.can_be_cut:
        able = ", ".join(kind for kind, each in ARCHITECTURES.items() if each.can_be_cut)
        raise ValueError(
            f"encoder {name!r}: {config['model_type']} has no list of layers, so {', '.join(embedding)} cannot be "
            f"embedded by one of them; allowed: other targets, or an encoder of the kind {able}"
        )
    if "max_position_embeddings" not in config:
        return
    padding = config.get("pad_token_id")
    shift = (padding if isinstance(padding, int) else 1) + 1 if architecture.shifts_positions else 0
    _check_lengths(name, number_in(files.encoder, config, "max_position_embeddings") - shift, runs)


def _check_lengths(name: str, longest: int, runs: Sequence[RunSpec]) -> None:
    """Whether inputs fit into an encoder's positions."""
    for spec in runs:
        given = max(part.max_length for part in (spec.optimisation, spec.retrieval) if part)
        if given > longest:
            section = spec.phase.value
            raise ValueError(
                f"encoder {name!r} has positions for {longest} sub-words, the inputs of {', '.join(spec.tasks)} may "
                f"have {given}; allowed: {section}.max_length of at most {longest}"
            )


def _there(files: EncoderFiles) -> str:
    names = sorted(map(plain, files.names))
    return f"there is: {', '.join(names[:12]) or 'nothing'}{' ...' if len(names) > 12 else ''}"
