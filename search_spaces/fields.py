"""What a configuration is made of: sections, and types of fields: numbers with a range, lists, names that are known.

A value that does not fit raises ValueError with what is allowed; `config_file` adds the place and the value given.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
)
from pydantic_core import CoreSchema, core_schema

from search_spaces.published import LEFT_OUT_OF_MULTI_TASK
from trainables.ledger.bounds import (
    COUNT,
    COUNT_OR_NONE,
    INPUT_LENGTH,
    NOT_NEGATIVE,
    POSITIVE,
    SEED,
    SILENCE,
    SLOTS,
    TRIALS,
    Bounds,
    number_in,
)
from trainables.ledger.cells import MULTI_TASK
from trainables.ledger.nearest import unknown
from trainables.ledger.recipe import MLM
from trainables.tasks import languages, registry
from trainables.tasks.task import Split, Task

Item = TypeVar("Item")


class Section(BaseModel):
    """A part of the configuration: unknown fields are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Within:
    """Marks a number of a field, which the bounds hold and of which they say in words what is allowed."""

    bounds: Bounds

    def __get_pydantic_core_schema__(self, kind: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema of an int or a float within the bounds."""
        return core_schema.no_info_before_validator_function(self._checked, handler(kind))

    def _checked(self, value: Any) -> float:
        found = number(value, allowed=str(self.bounds))
        if not self.bounds.hold(found):
            raise ValueError(f"allowed: {self.bounds.allowed(found)}")
        return int(found) if self.bounds.whole else float(found)


def number(value: Any, *, allowed: str) -> float:
    """A finite number, or a text that says one, as the command line has it.

    Raises ValueError with what is allowed. Pydantic alone would take true for 1, full-width digits for digits, and
    refuse `1e4` for a whole number.
    """
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        found = number_in(value.strip(" ")) if isinstance(value, str) else value
        if not math.isfinite(found):
            raise ValueError
    except (ValueError, OverflowError):
        leading = isinstance(value, str) and re.fullmatch("[-+]?0[0-9]+", value)
        raise ValueError(f"allowed: {allowed}{', without leading zeros' if leading else ''}") from None
    return found


def named(what: str, names: Callable[[], Iterable[str]]) -> BeforeValidator:
    """A name that is known: pydantic's enumerations and literals do not say the nearest right one.

    The switches `off` and `on` of YAML are these names where they are known.
    """

    def check(value: Any) -> Any:
        name = ("on" if value else "off") if isinstance(value, bool) else value
        allowed = [str(each) for each in names()]
        if name not in allowed:
            raise ValueError(unknown(what, str(name), allowed))
        return name

    return BeforeValidator(check)


def listed(value: Any) -> Any:
    """A list as YAML has it, one value alone, or values between commas as on the command line."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return list(value) if isinstance(value, list | tuple) else [value]


def distinct(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Each once, in the order of their first places."""
    return tuple(dict.fromkeys(items))


def mixture_members() -> tuple[str, ...]:
    """Registered intermediate tasks that the multi-task mixture may hold; none of one's own."""
    return tuple(name for name in _of_paper(registry.intermediates()) if name not in LEFT_OUT_OF_MULTI_TASK)


def intermediate_names() -> tuple[str, ...]:
    """The paper's rows but for the baseline: registered intermediate tasks, then the mixture if it has members."""
    names = _of_paper(registry.intermediates())
    return (*names, MULTI_TASK) if len(mixture_members()) > 1 else names


def stage_names() -> tuple[str, ...]:
    """What a stage of a recipe may train on: intermediate tasks, the mixture, targets that train, MLM alone."""
    trained = (task.name for task in (*registry.intermediates(), *registry.targets()) if task.trains)
    return tuple(dict.fromkeys((*intermediate_names(), *trained, MLM)))


def target_names() -> tuple[str, ...]:
    """Columns that a grid may have: registered target tasks."""
    return tuple(task.name for task in registry.targets())


def paper_targets() -> tuple[str, ...]:
    """The paper's columns: registered target tasks but one's own."""
    return _of_paper(registry.targets())


def language_names() -> tuple[str, ...]:
    """The languages of the paper, and others that tasks of one's own are evaluated in."""
    own = [task for task in registry.tasks().values() if registry.is_own(task.name)]
    evaluated = (code for task in own for split in (Split.DEV, Split.TEST) for code in task.languages.get(split, ()))
    return tuple(dict.fromkeys((*languages.XTREME, *evaluated)))


def _of_paper(found: Iterable[Task]) -> tuple[str, ...]:
    return tuple(task.name for task in found if not registry.is_own(task.name))


def _every() -> dict[str, None]:
    """Rows and columns that a grid may have."""
    return dict.fromkeys((*stage_names(), *target_names()))


LOGGERS = ("wandb", "mlflow")
"""Callbacks that are known by name."""


def _callback(name: str) -> str:
    if name in LOGGERS or re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", name):
        return name
    raise ValueError(f"{unknown('callback', name, LOGGERS)}, or a class as module:Class")


Count = Annotated[int, Within(COUNT)]
CountOrNone = Annotated[int, Within(COUNT_OR_NONE)]
"""0 switches the limit off."""
InputLength = Annotated[int, Within(INPUT_LENGTH)]
Layer = Annotated[int, Within(COUNT_OR_NONE)]
Seed = Annotated[int, Within(SEED)]
Trials = Annotated[int, Within(TRIALS)]
Slots = Annotated[int, Within(dataclasses.replace(SLOTS, low=1))]
SlotsOrAll = Annotated[int, Within(SLOTS)]
Positive = Annotated[float, Within(POSITIVE)]
Silence = Annotated[float, Within(SILENCE)]
NotNegative = Annotated[float, Within(NOT_NEGATIVE)]
Share = Annotated[float, Within(Bounds(low=0, high=1, above=True))]
Chance = Annotated[float, Within(Bounds(low=0, high=1, open=True))]

Intermediate = Annotated[str, named("intermediate task", stage_names)]
Target = Annotated[str, named("target task", target_names)]
Trained = Annotated[str, named("task", lambda: tuple(name for name in _every() if name != MLM))]
Language = Annotated[str, named("language", language_names)]
Callback = Annotated[str, AfterValidator(_callback)]

AnyNumberOf = Annotated[tuple[Item, ...], BeforeValidator(listed), AfterValidator(distinct)]
AtLeastOne = Annotated[AnyNumberOf[Item], Field(min_length=1)]
