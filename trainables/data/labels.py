"""Labels of tasks whose inventory comes with the data."""

from __future__ import annotations

from trainables.data.source import DataError, DataSource, label_names
from trainables.tasks.languages import ENGLISH
from trainables.tasks.task import Split, Task


def with_labels(task: Task, data: DataSource, preference: str = "") -> Task:
    """The task with its labels: itself, unless it takes them from the training file (`Task.open_labels`).

    Raises MissingDataError for a file that is not there, DataError for one that declares no label names.
    """
    if not task.open_labels or task.format.labels:
        return task
    [source] = task.files(Split.TRAIN, ENGLISH, preference)
    location = data.location(source)
    names = label_names(data.table(source), location).get(task.open_labels.column)
    if not names:
        raise DataError(f"{location} declares no label names for column {task.open_labels.column}")
    return task.open_labels.task(names)
