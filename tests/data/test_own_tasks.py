"""Tasks from YAML: every format in every kind of file loads and encodes, whatever its columns are called."""

from __future__ import annotations

import json

import pytest

from search_spaces.own_tasks import read_tasks
from tests.made.own_tasks import EXAMPLES, ROWS, section, write_rows_as, write_task
from tests.made.texts import tokenizer, write_rows, write_text
from trainables.data.hub import load, open_data
from trainables.tasks import registry
from trainables.tasks.examples import SpanExample, TaggingExample
from trainables.tasks.formats.tagging import TaggingFormat
from trainables.tasks.retrieval import pairs_among_others
from trainables.tasks.task import Role, Split

pytestmark = pytest.mark.usefixtures("own_cache")


def loaded(task, split=Split.TEST, language="de"):
    """Examples, held against being encoded."""
    examples = load(task, split, language, open_data("hub")).examples
    encoded = task.format.encode(examples, tokenizer(), task.max_length, training=split is Split.TRAIN)
    assert encoded.num_rows == len(examples)
    return examples


def renamed(rows, names):
    """Rows with other names of columns."""
    return [{names.get(name, name): value for name, value in row.items()} for row in rows]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize("kind", ROWS)
def test_rows_of_plain_names_need_no_columns(tmp_path, kind, suffix):
    [task] = read_tasks(write_task(tmp_path, kind, suffix))
    assert loaded(task) == EXAMPLES[kind]
    if task.trains:
        assert loaded(task, Split.TRAIN, "en") == EXAMPLES[kind]


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("pair", {"text_a": "premise", "text_b": "hypothesis", "label": "gold", "id": "pairID"}),
        ("choice", {"prompt": "question", "choices": "options", "label": "answer"}),
        ("tagging", {"words": "form", "tags": "ner"}),
        ("span", {"question": "q", "context": "c", "answers": "a"}),
        ("sentence", {"foreign": "german", "english": "label"}),
        ("mining", {"id": "key", "text": "sentence", "language": "lang", "translations": "gold"}),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_columns_say_what_the_file_calls_them(tmp_path, kind, names, suffix):
    path = write_task(tmp_path, kind, suffix, renamed(ROWS[kind], names), columns=names)
    assert loaded(*read_tasks(path)) == EXAMPLES[kind]


def test_a_task_says_what_its_section_says(tmp_path):
    says = {"title": "My pairs", "family": "nli", "positive": "same", "max_length": 99, "shares_rows": True}
    [task] = read_tasks(write_task(tmp_path, "pair", **says))
    assert (task.name, task.title, task.role, task.fine_tuning) == ("mine", "My pairs", Role.TARGET, "mine")
    assert (task.family, task.max_length, task.shares_rows) == ("nli", 99, True)
    assert task.format.labels == ("other", "same")
    assert task.metrics == task.selection == ("accuracy", "f1")
    assert task.languages == {
        Split.TRAIN: ("en",), Split.STOPPING: ("en",), Split.DEV: ("de",), Split.TEST: ("de",)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "says", "metrics", "max_length"),
    [
        ("pair", {}, ("accuracy",), 256),
        ("pair", {"positive": "same", "metrics": ["f1"]}, ("f1",), 256),
        ("choice", {}, ("accuracy",), 256),
        ("tagging", {}, ("f1",), 256),
        ("tagging", {"chunk_f1": False}, ("accuracy",), 256),
        ("tagging", {"metrics": ["f1", "accuracy"]}, ("f1", "accuracy"), 256),
        ("span", {}, ("f1", "exact_match"), 384),
        ("sentence", {}, ("accuracy",), 512),
        ("mining", {}, ("f1",), 512),
    ],
)
def test_metrics_and_length_are_those_of_the_format_unless_said(tmp_path, kind, says, metrics, max_length):
    [task] = read_tasks(write_task(tmp_path, kind, **says))
    assert (task.metrics, task.max_length) == (metrics, max_length)
    examples = loaded(task)
    references = task.format.references(examples)
    predictions = [answers[0] for answers in references] if kind == "span" else references
    assert set(metrics) <= set(task.format.score(references, predictions, "de"))


def test_capped_mining_keeps_pairs(tmp_path):
    [task] = read_tasks(write_task(tmp_path, "mining"))
    assert task.cap is pairs_among_others


def test_further_languages_are_other_languages(tmp_path):
    files = {
        "train": dict.fromkeys(("sw", "en", "am"), "rows/a.jsonl"),
        "stopping": dict.fromkeys(("de", "en"), "rows/a.jsonl"),
        "test": dict.fromkeys(("sw", "de", "en"), "rows/a.jsonl"),
    }
    [task] = read_tasks(write_task(tmp_path, "pair", files=files))
    assert task.languages == {Split.TRAIN: ("en",), Split.STOPPING: ("en",), Split.TEST: ("en", "sw", "de")}
    assert task.other_languages == {Split.TRAIN: ("sw", "am"), Split.STOPPING: ("de",)}
    assert task.usual_training_languages == ("en",)
    assert loaded(task, Split.TRAIN, "am") == EXAMPLES["pair"]


def test_a_task_without_english_rows_trains_on_all_it_has(tmp_path):
    codes = dict.fromkeys(("sw", "am"), "rows/a.jsonl")
    [task] = read_tasks(write_task(tmp_path, "pair", role="intermediate", files={"train": codes, "stopping": codes}))
    assert task.usual_training_languages == task.languages[Split.STOPPING] == ("sw", "am")
    assert task.trains
    assert not task.other_languages


def test_choices_may_have_columns_of_their_own_and_records(tmp_path):
    rows = [{"prompt": "One and one?", "answer0": "three", "answer1": "two", "label": "1"}]
    names = {"choices": ["answer0", "answer1"]}
    [task] = read_tasks(write_task(tmp_path, "choice", ".csv", rows, columns=names))
    [example] = loaded(task)
    assert (example.choices, example.label, example.id) == (("three", "two"), 1, "mine.de.test.1")
    records = [{"prompt": "One and one?", "choices": {"label": ["A", "B"], "text": ["three", "two"]}, "label": "B"}]
    [task] = read_tasks(write_task(tmp_path, "choice", rows=records, labels=["A", "B"]))
    assert [example.choices for example in loaded(task)] == [("three", "two")]


CONLL = "-DOCSTART- -X- O\n\nAnna NNP B-PER\nsleeps VBZ O\n\nIt PRP O\nrains VBZ O\n. . O\n"
CONLLU = "# text = Zum Arzt\n1-2\tzum\t_\t_\n1\tzu\tzu\tADP\n2\tdem\tder\tDET\n3\tArzt\tArzt\tNOUN\n"


@pytest.mark.parametrize(
    ("suffix", "text", "columns", "words", "tags"),
    [
        (".conll", CONLL, None, ["Anna", "sleeps"], ["B-PER", "O"]),
        (".txt", CONLL, {"tags": 1}, ["Anna", "sleeps"], ["NNP", "VBZ"]),
        (".tsv", CONLL.replace(" ", "\t"), {"tokens": 0, "tags": 2}, ["Anna", "sleeps"], ["B-PER", "O"]),
        (".conllu", CONLLU, None, ["zu", "dem", "Arzt"], ["ADP", "DET", "NOUN"]),
        (".conllu", CONLLU, {"tags": 2}, ["zu", "dem", "Arzt"], ["zu", "der", "Arzt"]),
        (".txt", "% a\nzu ADP\nArzt NOUN\n", {"comment": "%"}, ["zu", "Arzt"], ["ADP", "NOUN"]),
    ],
)
def test_sentences_in_columns(tmp_path, suffix, text, columns, words, tags):
    path = write_task(tmp_path, "tagging", suffix, columns=columns)
    write_text(tmp_path / "rows" / f"a{suffix}", text)
    [task] = read_tasks(path)
    first = loaded(task)[0]
    assert (list(first.words), [task.format.labels[tag] for tag in first.tags]) == (words, tags)
    assert task.format.chunk_f1 is ("B-PER" in tags)


def test_tags_may_be_words_apart_by_blanks_and_words_tokens(tmp_path):
    path = write_task(tmp_path, "tagging", ".csv")
    write_text(tmp_path / "rows" / "a.csv", "tokens,tags\nAnna sleeps,B-PER O\n")
    assert loaded(*read_tasks(path)) == [TaggingExample("mine.de.test.1", ("Anna", "sleeps"), (1, 0))]


def test_squad_json_of_questions(tmp_path):
    path = write_task(tmp_path, "span", ".json")
    asked = [
        {"id": "a", "question": "Who?", "answers": [{"text": "Anna", "answer_start": 13}, {"text": "Anna"}]},
        {"id": "none", "question": "Where?", "answers": []},
    ]
    content = {"data": [{"paragraphs": [{"context": "It was Anna, Anna!", "qas": asked}]}]}
    write_text(tmp_path / "rows" / "a.json", json.dumps(content))
    expected = [SpanExample("a", "Who?", "It was Anna, Anna!", ("Anna", "Anna"), (13, 7))]
    assert loaded(*read_tasks(path)) == expected


@pytest.mark.parametrize("answers", ["house", ["house"], {"text": ["house"]}, {"text": "house", "answer_start": 2}])
def test_answers_without_offsets_are_where_they_are_first(tmp_path, answers):
    rows = [{"question": "What?", "context": "A house, a house.", "answers": answers}]
    [example] = loaded(*read_tasks(write_task(tmp_path, "span", rows=rows)))
    assert (example.answers, example.starts) == (("house",), (2,))


def test_json_lines_may_end_in_json(tmp_path):
    assert loaded(*read_tasks(write_task(tmp_path, "pair", ".json"))) == EXAMPLES["pair"]


def test_rows_without_a_label_are_dropped_and_counted(tmp_path):
    rows = [*ROWS["pair"], {"text_a": "a", "text_b": "b", "label": "-"}, {"text_a": "a", "text_b": "b", "label": None}]
    [task] = read_tasks(write_task(tmp_path, "pair", rows=rows))
    found = load(task, Split.TEST, "de", open_data("hub"))
    assert (found.examples, found.uses[0].dropped) == (EXAMPLES["pair"], 2)
    assert task.format.labels == ("other", "same")


def test_inferred_labels_are_in_the_order_that_people_count_in(tmp_path):
    rows = [{"text_a": "a", "text_b": "b", "label": label} for label in (10, "²", 2, "a10", "1", "a2", "01")]
    [task] = read_tasks(write_task(tmp_path, "pair", rows=rows))
    assert task.format.labels == ("01", "1", "2", "10", "a2", "a10", "²")
    tags = [{"words": ["a"] * 4, "tags": ["I-X", "B-X", "O", "B-A"]}]
    [task] = read_tasks(write_task(tmp_path, "tagging", rows=tags))
    assert task.format == TaggingFormat(labels=("O", "B-A", "B-X", "I-X"))


def test_switches_of_json_are_labels(tmp_path):
    rows = [{"text_a": "a", "text_b": "b", "label": label} for label in (True, False)]
    [task] = read_tasks(write_task(tmp_path, "pair", rows=rows))
    assert (task.format.labels, [example.label for example in loaded(task)]) == (("false", "true"), [1, 0])


@pytest.mark.parametrize("labels", [None, ["dup", "not"]])
def test_labels_that_a_file_declares_keep_their_order_and_names(tmp_path, labels):
    path = write_task(tmp_path, "pair", ".parquet", labels=labels)
    columns = {"text_a": ["a", "b", "c"], "text_b": ["a", "b", "c"], "label": [0, 1, -1]}
    write_rows(tmp_path, "rows/a", columns, {"label": ["not", "dup"]})
    [task] = read_tasks(path)
    assert task.format.labels == tuple(labels or ["not", "dup"])
    assert task.format.references(loaded(task)) == ["not", "dup"]


def test_rows_of_the_hub_have_their_commit_and_columns(tmp_path):
    commit = "0123456789abcdef0123456789abcdef01234567"
    hub = {
        "repository": "somebody/pairs", "revision": commit, "num_train_rows": 7,
        "train": {"en": {"config": "english", "split": "train"}},
        "stopping": {"en": {"config": "english", "split": "validation"}},
        "test": {"de": {"split": "test"}},
    }  # fmt: skip
    says = {"columns": {"text_a": "s1", "text_b": "s2"}, "labels": ["no way", "dup"], "files": None, "hub": hub}
    [task] = read_tasks(write_task(tmp_path, "pair", **says))
    [source] = task.files(Split.TEST, "de")
    assert (source.repository, source.config, source.split) == ("somebody/pairs", "default", "test")
    assert (source.revision, source.columns, task.num_train_rows) == (commit, ("s1", "s2", "label"), 7)
    columns = {"s1": ["a", "b", "c"], "s2": ["x", "y", "z"], "label": [1, 0, -1]}
    write_rows(tmp_path, "somebody/pairs/default/test", columns, {"label": ["no way", "dup"]})
    examples = load(task, Split.TEST, "de", open_data(str(tmp_path))).examples
    assert [(each.id, each.text_b, each.label) for each in examples] == [
        ("default.test.0", "x", 1), ("default.test.1", "y", 0)
    ]  # fmt: skip


def test_paths_are_of_the_folder_of_the_yaml_file_or_absolute(tmp_path, monkeypatch):
    elsewhere = write_rows_as(tmp_path / "far" / "b.jsonl", ROWS["pair"])
    says = section("pair")["files"] | {"test": {"de": str(elsewhere)}, "dev": {"de": "../mine/rows/a.jsonl"}}
    path = write_task(tmp_path / "mine", "pair", files=says)
    monkeypatch.chdir(tmp_path)
    [task] = read_tasks(path.relative_to(tmp_path))
    assert loaded(task) == loaded(task, Split.DEV) == EXAMPLES["pair"]


def test_a_file_whose_tasks_are_known_may_be_read_again(tmp_path):
    path = write_task(tmp_path, "pair")
    [task] = read_tasks(path)
    try:
        registry.enlist(task)
        assert [again.name for again in read_tasks(path)] == ["mine"]
    finally:
        registry.forget_own()


def test_the_data_source_of_files_says_where_and_how_many(tmp_path):
    [task] = read_tasks(write_task(tmp_path, "tagging", ".csv"))
    [source] = task.files(Split.TEST, "de")
    data = open_data("demo")
    assert data.location(source) == str(tmp_path / "rows" / "a.csv")
    assert (data.has(source), data.num_rows(source), data.is_whole(source)) == (True, 2, False)
    before = data.fingerprint([source])
    write_rows_as(tmp_path / "rows" / "a.csv", ROWS["tagging"][:1])
    assert data.num_rows(source) == 1
    assert data.fingerprint([source]) != before
    (tmp_path / "rows" / "a.csv").unlink()
    assert data.problem(source) == f"{tmp_path / 'rows' / 'a.csv'} does not exist"


def test_a_fingerprint_is_of_how_a_file_is_read_not_of_its_folder(tmp_path):
    found = []
    for folder, columns in (("one", None), ("two", None), ("three", {"text_a": "text_b", "text_b": "text_a"})):
        [task] = read_tasks(write_task(tmp_path / folder, "pair", columns=columns))
        found.append(open_data("demo").fingerprint(task.files(Split.TEST, "de")))
    assert found[0] == found[1] != found[2]
