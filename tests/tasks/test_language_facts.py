"""The table of languages against what Unicode and the treebanks say of them."""

import unicodedata

import pytest

from trainables.tasks import languages as codes
from trainables.tasks.language_facts import OTHER, TRAINING, by_family, by_script, in_order, languages, script_of

OWN_NAMES = {
    "en": "English", "af": "Afrikaans", "de": "Deutsch", "nl": "Nederlands", "es": "español", "fr": "français",
    "it": "italiano", "pt": "português", "eu": "euskara", "et": "eesti", "fi": "suomi", "hu": "magyar", "tr": "Türkçe",
    "vi": "Việt", "id": "Indonesia", "jv": "Jawa", "ms": "Melayu", "tl": "Tagalog", "sw": "Kiswahili", "yo": "Yorùbá",
    "bg": "български", "ru": "русский", "kk": "қазақ", "el": "ελληνικά", "ka": "ქართული", "fa": "فارسی", "ur": "اردو",
    "ar": "العربية", "he": "עברית", "hi": "हिन्दी", "mr": "मराठी", "bn": "বাংলা", "ml": "മലയാളം", "ta": "தமிழ்",
    "te": "తెలుగు", "th": "ไทย", "my": "မြန်မာ", "zh": "中文", "ja": "にほん", "ko": "한국어",
}  # fmt: skip
UNICODE = {"Han": "CJK", "Japanese": "HIRAGANA", "Latin": "LATIN"}


def test_all_languages_of_xtreme_and_no_other_are_in_the_table():
    assert sorted(languages()) == sorted(codes.XTREME)
    assert len(languages()) == 40


@pytest.mark.parametrize("code", codes.XTREME)
def test_a_language_writes_its_own_name_in_its_script(code):
    first = unicodedata.name(OWN_NAMES[code][0]).split()[0]
    assert first == UNICODE.get(script_of(code), script_of(code).upper())


def test_names_are_those_of_the_treebanks():
    assert {code: languages()[code].name for code in codes.UD_NAMES} == codes.UD_NAMES


def test_families_are_twelve_and_two_languages_without_relatives():
    families = {language.family for language in languages().values()}
    assert len(families - {"Basque", "Koreanic"}) == 12
    branches = {language.branch for language in languages().values() if language.family == "Indo-European"}
    assert branches == {"Germanic", "Romance", "Slavic", "Greek", "Iranian", "Indo-Aryan"}
    assert not any(language.branch for language in languages().values() if language.family != "Indo-European")


def test_english_is_a_group_of_its_own():
    assert by_family(["sw", "de", "en", "af", "yo"]) == {
        TRAINING: ("en",), "IE: Germanic": ("af", "de"), "Niger-Congo": ("sw", "yo"),
    }  # fmt: skip
    assert list(by_script(codes.XTREME))[:4] == [TRAINING, "Latin", "Cyrillic", "Arabic"]
    assert sum(map(len, by_script(codes.XTREME).values())) == 40


def test_a_code_that_the_table_lacks_comes_last():
    assert in_order(["xx", "zh", "aa", "en"]) == ["en", "zh", "aa", "xx"]
    assert by_script(["xx", "ru"]) == {"Cyrillic": ("ru",), OTHER: ("xx",)}
