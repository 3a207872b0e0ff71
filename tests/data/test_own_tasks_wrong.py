"""What is wrong with tasks from YAML and with their rows is said with its place, what is allowed and the nearest."""

from __future__ import annotations

import pytest

from search_spaces.own_tasks import read_tasks
from search_spaces.plain_yaml import write_yaml
from tests.made.own_tasks import ROWS, section, write_rows_as, write_task
from tests.made.texts import write_rows, write_text
from trainables.data.hub import load, open_data
from trainables.data.source import DataError, MissingDataError
from trainables.tasks.task import Split

pytestmark = pytest.mark.usefixtures("own_cache")
ENGLISH = {"en": "rows/a.jsonl"}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def hub(**says):
    """A repository with rows of all that a target needs."""
    rows = {"en": {"split": "train"}}
    return {"repository": "a/b", "revision": COMMIT, "train": rows, "stopping": rows, "test": rows, **says}


def files(**says):
    """Files of a target task of pairs with other splits."""
    return {split: held for split, held in (section("pair")["files"] | says).items() if held}


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ({"role": "targt"}, r"mine\.yaml:2: task mine: role: unknown role 'targt'; did you mean 'target'"),
        ({"role": None}, r"mine\.yaml:1: task mine: role is not given"),
        ({"role": "mlm"}, "unknown role 'mlm'"),
        ({"format": "pairs"}, r"mine\.yaml:3: task mine: format: unknown format 'pairs'; did you mean 'pair'"),
        ({"lables": ["a", "b"]}, "unknown field of a task 'lables'; did you mean 'labels'"),
        ({"files": {"tran": {"en": "rows/a.jsonl"}}}, "unknown split 'tran'; did you mean 'train'"),
        ({"files": {"train": {"eng": "rows/a.jsonl"}}}, "unknown language 'eng'; did you mean 'en'"),
        ({"files": {"train": "rows/a.jsonl"}}, "files.train is 'rows/a.jsonl'; allowed: a section"),
        ({"files": {"train": {"en": 3}}}, "files.train.en is 3; allowed: a text"),
        ({"files": files(train=None)}, "no rows of train; a task with the role target needs train, stopping and test"),
        ({"files": files(test=None)}, "no rows of test; a task with the role target needs train, stopping and test"),
        (
            {"role": "intermediate", "files": files(stopping=None)},
            "no rows of stopping; a task with the role intermediate needs train and stopping",
        ),
        (
            {"files": files(train={"en": "rows/a.jsonl", "sw": "rows/a.jsonl"}, stopping={"de": "rows/a.jsonl"})},
            "no stopping rows in en, sw for the train rows in these languages, nor in en",
        ),
        (
            {"files": files(test={"de": "rows/b.jsonl"})},
            r"mine\.yaml:\d+: .*rows/b\.jsonl does not exist; did you mean",
        ),
        ({"files": files(test={"de": "rows"})}, "rows is no file"),
        ({"files": files(test={"de": "mine.yaml"})}, "unknown kind of file '.yaml'"),
        ({"files": None}, "neither files nor hub is given"),
        ({"hub": hub(), "labels": ["a", "b"]}, "both files and hub are given; allowed: one of them"),
        ({"files": None, "hub": hub()}, "labels are not given; needed with hub"),
        (
            {"files": None, "hub": hub(revision="main")},
            r"hub\.revision is 'main'; allowed: a commit.*git ls-remote https",
        ),
        ({"files": None, "hub": hub(revision="")}, r"hub\.revision is ''|hub\.revision is not given"),
        ({"files": None, "hub": hub(repository="squad")}, r"hub\.repository is 'squad'; allowed: owner/name"),
        ({"files": None, "hub": hub(revison="x")}, "unknown field of hub 'revison'; did you mean 'revision'"),
        ({"files": None, "hub": hub(dev={"en": {"splt": "x", "split": "y"}})}, "unknown field of hub.dev.en 'splt'"),
        ({"files": None, "hub": hub(dev={"en": {}})}, "hub.dev.en.split is not given"),
        (
            {"files": None, "hub": hub(dev={"en": "dev"})},
            "hub.dev.en is 'dev'; allowed: a section with the fields config",
        ),
        (
            {"files": None, "hub": hub(), "format": "tagging", "labels": ["a", "b"], "columns": {"tags": 3}},
            "columns.tags is for files such as .conll; allowed with hub: names of columns",
        ),
        (
            {"files": None, "hub": hub(), "format": "tagging", "labels": ["a", "b"], "columns": {"comment": "#"}},
            "columns.comment is for files such as .conll",
        ),
        ({"files": None, "hub": "a/b"}, "hub is 'a/b'; allowed: a section with the fields repository, revision"),
        ({"labels": ["same"]}, "labels is .*; allowed: at least two"),
        ({"labels": "same"}, "labels is 'same'; allowed: a list"),
        ({"labels": ["same", "same"]}, "'same' stands there twice"),
        ({"labels": [True, False]}, "labels.0 is True; allowed: a name, in quotes where YAML takes it"),
        ({"labels": [0.5, 1.5]}, "labels.0 is 0.5; allowed: a name, in quotes"),
        ({"positive": "sam"}, "positive label 'sam' is none of other, same"),
        ({"positive": "sam", "labels": ["same", "other"]}, "unknown label 'sam'; did you mean 'same'"),
        ({"chunk_f1": True}, "chunk_f1 is for the format tagging"),
        ({"chunk_f1": "yes please"}, "chunk_f1 is 'yes please'; allowed: on, off"),
        ({"metrics": ["acuracy"]}, "unknown metric 'acuracy'; did you mean 'accuracy'"),
        ({"metrics": ["f1"]}, "unknown metric 'f1'; known: accuracy"),
        ({"metrics": ["accuracy", "accuracy"]}, "metrics: accuracy stands there twice"),
        ({"max_length": 4}, "max_length is 4; allowed: a whole number from 8 to 8192"),
        ({"family": "Named Entities"}, "family is 'Named Entities'; allowed: a name of a-z"),
        ({"title": "a\nb"}, "title is 'a.nb'; allowed: a text without control characters"),
        ({"columns": {"textA": "premise"}}, "unknown column of the format pair 'textA'; did you mean 'text_a'"),
        ({"columns": {"text_a": ["a", "b"]}}, "columns.text_a is a list; allowed: the name of one column"),
        ({"columns": {"text_a": 3}}, "columns.text_a is 3; allowed: the name of a column, in quotes"),
        ({"columns": {"text_a": None}}, "columns.text_a is null; allowed: the name of a column"),
        ({"columns": {"comment": "#"}}, "unknown column of the format pair 'comment'"),
        ({"columns": {"label": "gold"}}, r"a\.jsonl: missing columns gold; present: id, text_a, text_b, label"),
    ],
)
def test_what_is_wrong_with_a_section(tmp_path, says, expected):
    path = write_task(tmp_path, "pair", **says)
    with pytest.raises(DataError, match=expected):
        read_tasks(path)


@pytest.mark.parametrize(
    ("kind", "suffix", "says", "expected"),
    [
        ("choice", ".jsonl", {"labels": None}, "labels are not given; needed: what says that the first choice"),
        ("choice", ".jsonl", {"columns": {"choices": ["a", "b", "c"]}}, "columns.choices are 3, the labels 2"),
        ("span", ".jsonl", {"labels": ["a", "b"]}, "labels are given, but rows of the format span have none"),
        ("span", ".json", {"columns": {"id": "key"}}, "is SQuAD's JSON, whose names are its own; allowed: no columns"),
        ("span", ".conll", {}, "unknown kind of file '.conll'"),
        ("sentence", ".jsonl", {"role": "intermediate"}, "an intermediate task trains, which rows of retrieval cannot"),
        ("sentence", ".jsonl", {"files": {"dev": {"de": "rows/a.jsonl"}}}, "no rows of test"),
        (
            "sentence", ".jsonl",
            {"files": {split: {"de": "rows/a.jsonl"} for split in ("train", "test")}},
            "train rows, but retrieval is not trained; allowed: dev, test",
        ),
        ("mining", ".jsonl", {"files": {"test": {"de": "rows/a.jsonl"}}}, "no rows of dev; .* needs dev and test"),
        (
            "mining", ".jsonl",
            {"files": {"dev": {"de": "rows/a.jsonl"}, "test": dict.fromkeys(("de", "fr"), "rows/a.jsonl")}},
            "no dev rows in fr, on which the threshold of mining is tuned",
        ),
        ("mining", ".jsonl", {"files": dict.fromkeys(("dev", "test"), ENGLISH)}, "retrieval in en; allowed: other"),
        ("tagging", ".conll", {"columns": {"tags": "ner"}}, "columns without names; allowed for tags: their numbers"),
        ("tagging", ".csv", {"columns": {"tags": 3}}, "has columns with names; allowed for tags: these"),
        ("tagging", ".csv", {"columns": {"comment": "#"}}, "no lines of comments; comment is for files such as"),
        ("tagging", ".csv", {"columns": {"words": "a", "tokens": "b"}}, "tokens and columns.words are the same"),
        ("tagging", ".xml", {}, "unknown kind of file '.xml'; .*known: .jsonl, .json, .csv, .tsv, .parquet, .conll"),
    ],
)  # fmt: skip
def test_what_a_format_cannot_have(tmp_path, kind, suffix, says, expected):
    path = write_task(tmp_path, kind, suffix, **says)
    with pytest.raises(DataError, match=expected):
        read_tasks(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", r"mine\.yaml has no task; allowed: a section for each, under its name"),
        ("- mine\n", "has no task"),
        ("mine: 3\n", r"mine\.yaml:1: task mine: it is 3; allowed: a section with the fields role, format"),
        ("mine: [", r"mine\.yaml:1: not YAML"),
        ("mine: !!python/object:os.system {}\n", r"mine\.yaml:1: given the tag"),
        ("mine: &a {title: *a}\n", "an alias must not stand inside of what it names|not YAML"),
        ("mine: {role: target}\nmine: {}\n", r"mine\.yaml:2: mine is given twice"),
        ("mine: {role: target, role: target}\n", r"mine\.yaml:1: mine\.role is given twice"),
        ("\xff", "is no UTF-8 text"),
    ],
)
def test_what_is_no_file_of_tasks(tmp_path, text, expected):
    path = tmp_path / "mine.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=expected):
        read_tasks(path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("panx", "there is a task 'panx' already"),
        ("sw", "the name 'sw' is a language"),
        ("multitask", "the name 'multitask' is a word of recipes"),
        ("adapter", "the name 'adapter' is a word of recipes"),
        ("My.Task", "given the name 'My.Task'; allowed: at most 40 characters a-z, 0-9, _ and -, a letter first"),
        ("x" * 41, "given the name .*; allowed: at most 40 characters"),
    ],
)
def test_names_that_no_task_of_ones_own_can_have(tmp_path, name, expected):
    write_rows_as(tmp_path / "rows" / "a.jsonl", ROWS["pair"])
    path = write_text(tmp_path / "mine.yaml", write_yaml({name: section("pair")}))
    with pytest.raises(DataError, match=f"task {name}: {expected}"):
        read_tasks(path)


def test_all_that_is_wrong_with_a_file_is_said_at_once(tmp_path):
    tasks = {"sw": section("pair", role="middle"), "mine": section("pair", lables=[]), "other": section("pair")}
    path = write_text(tmp_path / "mine.yaml", write_yaml(tasks))
    with pytest.raises(DataError) as error:
        read_tasks(path)
    lines = str(error.value).splitlines()
    assert len([line for line in lines if "task other: " in line and "does not exist" in line]) == 4
    assert any("unknown role 'middle'" in line for line in lines)
    assert any("unknown field of a task 'lables'" in line for line in lines)


def test_labels_that_are_wrong_are_not_said_to_be_too_few_besides(tmp_path):
    with pytest.raises(DataError) as error:
        read_tasks(write_task(tmp_path, "pair", labels=[True, False, "maybe"]))
    assert [line.partition("task mine: ")[2].partition(";")[0] for line in str(error.value).splitlines()] == [
        "labels.0 is True", "labels.1 is False",
    ]  # fmt: skip


def in_test(tmp_path, kind, rows, suffix=".jsonl", **says):
    """A task whose test rows in German are others than those it is trained on."""
    held = section(kind, suffix)["files"] | {"test": {"de": f"rows/test{suffix}"}}
    if isinstance(rows, str):
        write_text(tmp_path / "rows" / f"test{suffix}", rows)
    else:
        write_rows_as(tmp_path / "rows" / f"test{suffix}", rows)
    [task] = read_tasks(write_task(tmp_path, kind, suffix, **{"files": held, **says}))
    return task


def changed(kind, **values):
    """Two rows of a format, the second one changed; values that are `...` are left out."""
    rows = [dict(row) for row in ROWS[kind]]
    rows[1] = {name: value for name, value in (rows[1] | values).items() if value is not ...}
    return rows


@pytest.mark.parametrize(
    ("kind", "values", "says"),
    [
        (
            "pair",
            {"label": "samee"},
            r"label is 'samee', allowed: other, same; these are .*Say `labels:` in .*mine\.yaml",
        ),
        ("pair", {"label": ["same"]}, r"label is \['same'\], expected a name"),
        ("pair", {"text_b": ...}, "no text_b; it has id, text_a, label"),
        ("pair", {"text_b": 3}, "text_b is 3, expected text"),
        ("pair", {"id": "a"}, "the id 'a' stands twice"),
        ("choice", {"label": 2}, "label is '2', allowed: 0, 1"),
        ("choice", {"choices": ["a", "b", "c"]}, "3 choices, allowed: 2"),
        ("choice", {"choices": "a b"}, "choices is 'a b', expected a list of texts"),
        ("tagging", {"tags": ["O", "O"]}, "3 words but 2 tags"),
        (
            "tagging",
            {"tags": ["O", "O", "B-PR"]},
            "tags is 'B-PR', allowed: O, B-PER; these are the labels of the train",
        ),
        ("tagging", {"words": 3}, "words is 3, expected a list of texts"),
        ("span", {"answers": ["hose"]}, "the answer 'hose' is not in the context"),
        (
            "span",
            {"answers": {"text": ["house"], "answer_start": [3]}},
            "the answer is 'house', but at 3 the context has",
        ),
        ("span", {"answers": {"text": ["house"], "answer_start": [-2]}}, "answer_start is -2"),
        ("span", {"answers": {"text": ["house"], "answer_start": [1, 2]}}, "1 answers but 2 answer_start"),
        ("span", {"answers": 3}, "answers.text is 3, expected a list of texts"),
        ("mining", {"language": "fr"}, "language is 'fr', allowed: de, en"),
        ("mining", {"translations": [0.5]}, "translations is 0.5, expected a name"),
    ],
)
def test_a_row_that_is_wrong_is_named_by_file_and_number(tmp_path, kind, values, says):
    task = in_test(tmp_path, kind, changed(kind, **values))
    with pytest.raises(DataError, match=rf"rows/test\.jsonl, row 2: {says}"):
        load(task, Split.TEST, "de", open_data("hub"))


def test_a_label_outside_of_those_given_is_no_matter_of_train_rows(tmp_path):
    task = in_test(tmp_path, "pair", changed("pair", label="new"), labels=["other", "same"])
    with pytest.raises(DataError, match=r"row 2: label is 'new', allowed: other, same$"):
        load(task, Split.TEST, "de", open_data("hub"))


@pytest.mark.parametrize(
    ("suffix", "text", "says"),
    [
        (".jsonl", "", r"test\.jsonl has no rows"),
        (".csv", "text_a,text_b,label\n", r"test\.csv has no rows"),
        (".csv", "text_a,text_b,labels\na,b,same\n", r"missing columns label; .*'label' may be 'labels'"),
        (".csv", "text_a,text_b,label\na,b\n", "row 1: 2 cells, the headings are 3"),
        (".jsonl", '{"text_a": "a"\n', "line 1: it is no JSON"),
        (".parquet", "PAR1", "cannot be read as parquet"),
        (".csv", "text_a,text_b,label\na,b,-\n", "none of its 1 rows has a label"),
    ],
)
def test_a_file_that_is_wrong_is_named(tmp_path, suffix, text, says):
    task = in_test(tmp_path, "pair", text, suffix)
    with pytest.raises(DataError, match=says):
        load(task, Split.TEST, "de", open_data("hub"))


def test_sentences_in_columns_that_are_wrong_are_named_by_their_line(tmp_path):
    write_text(tmp_path / "rows" / "b.conll", "Anna B-PER\nsleeps O\n")
    train = {split: {"en": "rows/b.conll"} for split in ("train", "stopping")}
    task = in_test(
        tmp_path, "tagging", "Anna B-PER\nsleeps\n", ".conll", files={**train, "test": {"de": "rows/test.conll"}}
    )
    with pytest.raises(DataError, match=r"test\.conll, line 2: 'sleeps' has no tag"):
        load(task, Split.TEST, "de", open_data("hub"))


def test_a_file_that_went_away_is_missing(tmp_path):
    task = in_test(tmp_path, "pair", ROWS["pair"])
    (tmp_path / "rows" / "test.jsonl").unlink()
    with pytest.raises(MissingDataError, match=r"rows/test\.jsonl does not exist"):
        load(task, Split.TEST, "de", open_data("hub"))


@pytest.mark.parametrize("labels", [["same"], [str(number) for number in range(2001)]])
def test_train_rows_with_one_label_or_thousands_have_another_column(tmp_path, labels):
    rows = [{"text_a": "a", "text_b": "b", "label": label} for label in labels]
    with pytest.raises(DataError, match=r"mine\.yaml:1: task mine: the train rows have .* labels .*allowed: from 2"):
        read_tasks(write_task(tmp_path, "pair", rows=rows))


def test_a_shifted_answer_of_the_hub_is_left_to_training(tmp_path):
    rows = {"en": {"split": "train"}}
    says = {"files": None, "hub": hub(train=rows)}
    [task] = read_tasks(write_task(tmp_path, "span", **says))
    columns = {"question": ["What?"], "context": ["A house."], "answers": [{"text": ["house"], "answer_start": [3]}]}
    write_rows(tmp_path, "a/b/default/train", columns)
    found = load(task, Split.TRAIN, "en", open_data(str(tmp_path)))
    assert (found.examples[0].starts, found.uses[0].misplaced) == ((3,), 1)


def test_half_a_character_is_said_to_be_unreadable(tmp_path):
    task = in_test(tmp_path, "choice", 'prompt,choices,label\na,"[""\\ud800"", ""b""]",0\n', ".csv")
    with pytest.raises(DataError, match=r"test\.csv cannot be read"):
        load(task, Split.TEST, "de", open_data("hub"))
