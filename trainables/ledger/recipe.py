"""Recipes: how the encoder of a row is trained, one stage after another, as text that people read and type.

    recipe    = "none" | stage *( ">" stage )
    stage     = task [ "@" languages ] *( ":" dose ) [ "+mlm" [ "@" languages ] ] [ "/" method ]
    languages = language *( "+" language )
    dose      = number | number "steps"
    method    = ( "lora" | "adapter" ) [ number ]

`squad`, `qqp+mlm`, `panx@sw` (Swahili training rows), `panx@de+sw`, `panx@sw:1000` (so many rows), `panx@sw:200steps`
(so many updates), `mlm@am+sw` (MLM alone), `squad>panx@de` (a chain), `qqp/adapter`, `mlm@sw/adapter>qqp/lora8`.

There is one way to write a recipe, which `str` gives: languages sorted, English left out where it is the only one of a
task. Which tasks and languages exist is not known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from trainables.ledger.bounds import COUNT
from trainables.ledger.cells import BASELINE, Row
from trainables.ledger.nearest import unknown

MLM = "mlm"
ENGLISH = "en"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_DOSE = re.compile(r"\s*([1-9][0-9]{0,8})(steps)?(?![A-Za-z0-9])")
_METHOD = re.compile(r"\s*([a-z]+)([1-9][0-9]{0,4})?(?![A-Za-z0-9])")
_CO_TRAINED = re.compile(r"\s*\+\s*mlm(?![A-Za-z0-9_.-])")
_AFTER_AT = "allowed after @: a language, and others each after a +"
_AFTER_PLUS = "allowed after +: mlm, and further languages after @"


class MethodKind(StrEnum):
    """How a stage trains, where it does not train all weights."""

    LORA = "lora"
    """Low-rank updates of the attention's and the feed-forward layers' matrices."""
    ADAPTER = "adapter"
    """Bottleneck layers after the feed-forward layers."""


DEFAULT_SIZES = {MethodKind.LORA: 8, MethodKind.ADAPTER: 48}
"""Rank of LoRA, and width of the bottleneck, where a recipe says none."""


class RecipeError(ValueError):
    """A recipe that cannot be read; the message points at the place."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method and its size: the rank of LoRA, the width of a bottleneck."""

    kind: MethodKind
    size: int

    def __post_init__(self) -> None:
        COUNT.check(f"size of {self.kind}", self.size)

    def __str__(self) -> str:
        return str(self.kind) if self.size == DEFAULT_SIZES[self.kind] else f"{self.kind}{self.size}"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of training.

    Attributes:
        task: what is trained on: a task, the mixture, or `mlm` for MLM alone.
        languages: of the training rows, or of MLM alone, sorted. Empty: English for a task, those of the configuration
            for MLM alone.
        rows: training rows that it takes at the most, of all languages together; 0 is all.
        steps: updates; 0 is what the epochs come to.
        mlm: whether MLM is co-trained.
        mlm_languages: those of the co-trained MLM, sorted; empty: those of the configuration.
        method: what is trained, where it is not all weights.
    """

    task: str
    languages: tuple[str, ...] = ()
    rows: int = 0
    steps: int = 0
    mlm: bool = False
    mlm_languages: tuple[str, ...] = ()
    method: Method | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "languages", tuple(sorted(set(self.languages))))
        object.__setattr__(self, "mlm_languages", tuple(sorted(set(self.mlm_languages))))
        if self.languages == (ENGLISH,) and not self.is_mlm_alone:
            object.__setattr__(self, "languages", ())
        if self.mlm and self.is_mlm_alone:
            raise RecipeError(f"{MLM} alone cannot have {MLM} beside it")

    @property
    def is_mlm_alone(self) -> bool:
        """Whether there is no task, only text."""
        return self.task == MLM

    @property
    def is_plain(self) -> bool:
        """Whether it is a row of the paper, but perhaps for its task and its MLM."""
        return self == Stage(task=self.task, mlm=self.mlm) and not self.is_mlm_alone

    def __str__(self) -> str:
        text = self.task + ("@" + "+".join(self.languages) if self.languages else "")
        text += f":{self.rows}" if self.rows else ""
        text += f":{self.steps}steps" if self.steps else ""
        text += f"+{MLM}" if self.mlm else ""
        text += "@" + "+".join(self.mlm_languages) if self.mlm_languages else ""
        return text + (f"/{self.method}" if self.method else "")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The stages by which an encoder is made; none of them is the baseline."""

    stages: tuple[Stage, ...] = ()

    def __str__(self) -> str:
        return ">".join(map(str, self.stages)) or BASELINE

    @property
    def is_plain(self) -> bool:
        """Whether it is a row of the paper's kind: a task or the mixture in English, all rows, all weights."""
        return all(stage.is_plain for stage in self.stages) and len(self.stages) <= 1

    @property
    def parents(self) -> tuple[Recipe, ...]:
        """The recipes of the encoders on the way, shortest first, without the baseline and itself."""
        return tuple(Recipe(stages=self.stages[:number]) for number in range(1, len(self.stages)))

    @property
    def row(self) -> Row:
        """Its row of the table: plain MLM beside the only or the last task is the row's own mark, as in the paper."""
        if self.stages and self.stages[-1].mlm and str(self).endswith(f"+{MLM}"):
            return Row(str(self).removesuffix(f"+{MLM}"), True)
        return Row(str(self), False)


def recipe_of(row: Row) -> Recipe:
    """The recipe of a row; the inverse of `Recipe.row`."""
    return parse_recipe(str(row))


def parse_recipe(text: str) -> Recipe:
    """Read a recipe; raises RecipeError with the place of what is wrong."""
    if text.strip() == BASELINE:
        return Recipe()
    stages, place = [], 0
    for part in text.split(">"):
        stage = _StageReader(text, place, place + len(part)).read()
        if stage in stages:
            raise _error(text, place, f"{stage} stands in it twice, which would be a loop")
        stages.append(stage)
        place += len(part) + 1
    return Recipe(stages=tuple(stages))


def parse_method(text: str) -> Method:
    """Read a method as a recipe has it behind its stroke, for example `lora16`; raises RecipeError."""
    return _method_of(_METHOD.fullmatch(text), text)


def _method_of(found: re.Match[str] | None, text: str) -> Method:
    kinds = [str(kind) for kind in MethodKind]
    if not found or found.group(1) not in kinds:
        raise RecipeError(unknown("method", text.strip(), kinds))
    kind = MethodKind(found.group(1))
    return Method(kind=kind, size=int(found.group(2) or DEFAULT_SIZES[kind]))


def _error(text: str, place: int, what: str) -> RecipeError:
    return RecipeError(f"recipe {text!r}, at character {place + 1}: {what}\n  {text}\n  {' ' * place}^")


class _StageReader:
    """Reads one stage of a recipe, which lies between two places of its text."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self._text = text
        self._start = start
        self._place = start
        self._end = end
        self._doses: dict[str, int] = {}

    def read(self) -> Stage:
        if not self._text[self._start : self._end].strip():
            raise self._wrong("an empty stage; allowed: a task, as in squad>panx@de")
        task = self._word("a stage begins with a task")
        if task == BASELINE:
            raise _error(self._text, self._start, f"{BASELINE} is the encoder without any stage and stands alone")
        languages = self._languages()
        mlm, of_mlm = False, languages[:0]
        while self._took(":"):
            self._dose()
        if self._took("+"):
            if self._word(_AFTER_PLUS) != MLM:
                raise self._wrong(_AFTER_PLUS, back=True)
            mlm, of_mlm = True, self._languages()
        method = self._method() if self._took("/") else None
        if self._rest().strip():
            raise self._wrong(f"{self._rest().strip()[:12]!r} cannot stand here")
        try:
            return Stage(task=task, languages=languages, mlm=mlm, mlm_languages=of_mlm, method=method, **self._doses)
        except RecipeError as error:
            raise _error(self._text, self._start, str(error)) from error

    def _rest(self) -> str:
        return self._text[self._place : self._end]

    def _wrong(self, what: str, *, back: bool = False) -> RecipeError:
        """An error at this place, or at the one before what was read last."""
        return _error(self._text, self._before if back else self._place, what)

    def _took(self, sign: str) -> bool:
        """Step over a sign, if it is what comes next."""
        found = self._rest().lstrip().startswith(sign)
        if found:
            self._place = self._text.index(sign, self._place) + len(sign)
        return found

    def _word(self, otherwise: str) -> str:
        self._place += len(self._rest()) - len(self._rest().lstrip())
        found = _NAME.match(self._text, self._place, self._end)
        if not found:
            raise self._wrong(otherwise)
        self._before, self._place = self._place, found.end()
        return found.group()

    def _languages(self) -> tuple[str, ...]:
        """What follows an @, if there is one: languages with a + between them; +mlm ends them."""
        if not self._took("@"):
            return ()
        found = [self._word(_AFTER_AT)]
        while self._rest().lstrip().startswith("+") and not _CO_TRAINED.match(self._text, self._place, self._end):
            self._took("+")
            found.append(self._word(_AFTER_AT))
        return tuple(found)

    def _dose(self) -> None:
        found = _DOSE.match(self._text, self._place, self._end)
        name = "steps" if found and found.group(2) else "rows"
        if not found or name in self._doses:
            raise self._wrong("allowed after a colon: rows, as in :1000, and updates, as in :200steps, each once")
        self._doses[name] = int(found.group(1))
        self._place = found.end()

    def _method(self) -> Method:
        found = _METHOD.match(self._text, self._place, self._end)
        try:
            method = _method_of(found, self._rest())
        except RecipeError as error:
            raise self._wrong(str(error)) from error
        self._place = found.end() if found else self._end
        return method
