"""Languages: the 40 codes of XTREME and the names that data sets give them (protocol.md 1, 4.1 to 4.7, 8.0)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ENGLISH = "en"


def _codes(text: str) -> tuple[str, ...]:
    return tuple(text.split())


XTREME = _codes(
    "en af ar bg bn de el es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta te th tl tr ur vi"
    " yo zh"
)
"""All languages, English first."""

XLM_R = _codes(
    "af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he hi hr hu hy id is it"
    " ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl no om or pa pl ps pt ro ru sa sd si sk sl so sq"
    " sr su sv sw ta te th tl tr ug uk ur uz vi xh yi zh"
)
"""Languages that XLM-R was pretrained on (Conneau et al. 2020, appendix A): those that MLM may have."""

KNOWN = tuple(dict.fromkeys((*XTREME, *XLM_R)))
"""Those that a task of one's own, and MLM, may have."""

XNLI = _codes("en ar bg de el es fr hi ru sw th tr ur vi zh")
PAWSX = _codes("en de es fr ja ko zh")
XQUAD = _codes("en ar de el es hi ru th tr vi zh")
MLQA = _codes("en ar de es hi vi zh")
BUCC = _codes("de fr ru zh")

ISO_639_3: Mapping[str, str] = MappingProxyType({
    "af": "afr", "ar": "ara", "bg": "bul", "bn": "ben", "de": "deu", "el": "ell", "es": "spa", "et": "est",
    "eu": "eus", "fa": "pes", "fi": "fin", "fr": "fra", "he": "heb", "hi": "hin", "hu": "hun", "id": "ind",
    "it": "ita", "ja": "jpn", "jv": "jav", "ka": "kat", "kk": "kaz", "ko": "kor", "ml": "mal", "mr": "mar",
    "nl": "nld", "pt": "por", "ru": "rus", "sw": "swh", "ta": "tam", "te": "tel", "th": "tha", "tl": "tgl",
    "tr": "tur", "ur": "urd", "vi": "vie", "zh": "cmn",
})  # fmt: skip
"""Names of Tatoeba's files."""

TATOEBA = tuple(ISO_639_3)

UD_NAMES: Mapping[str, str] = MappingProxyType({
    "en": "English", "af": "Afrikaans", "ar": "Arabic", "bg": "Bulgarian", "de": "German", "el": "Greek",
    "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese",
    "kk": "Kazakh", "ko": "Korean", "mr": "Marathi", "nl": "Dutch", "pt": "Portuguese", "ru": "Russian",
    "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "ur": "Urdu",
    "vi": "Vietnamese", "yo": "Yoruba", "zh": "Chinese",
})  # fmt: skip
"""English names in Universal Dependencies."""

UDPOS = tuple(UD_NAMES)
UDPOS_WITH_TRAIN = tuple(code for code in UDPOS if code not in _codes("th tl yo"))
UDPOS_WITH_DEV = tuple(code for code in UDPOS if code not in _codes("kk th tl yo"))

TYDIQA_NAMES: Mapping[str, str] = MappingProxyType({
    "en": "english", "ar": "arabic", "bn": "bengali", "fi": "finnish", "id": "indonesian", "ko": "korean",
    "ru": "russian", "sw": "swahili", "te": "telugu",
})  # fmt: skip
"""First part of a TyDiQA row's id."""

TYDIQA = tuple(TYDIQA_NAMES)

WITHOUT_SPACES = frozenset(_codes("ja th zh"))
"""Languages that put no space between words."""
