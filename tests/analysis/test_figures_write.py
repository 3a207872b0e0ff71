"""Pictures as files and as elements of a page."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest

from analysis.figures.heat_map import transfer_map
from analysis.figures.search_curves import MOST_PANELS, search_curves
from analysis.figures.write import inline, save
from tests.made.figures import NONE, published, verdicts_of, words_in
from tests.made.hostile import TEXTS
from trainables.ledger.cells import Row
from trainables.ledger.plain import plain
from trainables.ledger.spec import Phase
from trainables.ledger.states import State
from trainables.ledger.studies import StudyResult, Trial

pytestmark = pytest.mark.filterwarnings("error::UserWarning")  # matplotlib's when a picture cannot be laid out

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FEW = {"rows": [NONE, Row("squad", False), Row("squad", True)], "targets": ["xnli", "tatoeba"]}


def small():
    results = published(**FEW)
    return transfer_map(results, verdicts_of(results), {"xnli": NONE})


def study(name):
    trials = tuple(
        Trial(number=number, params={"epochs": 1.0}, run_id=f"{number}", state=State.DONE, value=60.0 + number)
        for number in range(3)
    )
    return StudyResult(
        node="n", name=name, row=NONE, phase=Phase.TARGET, tasks=("xnli",), mlm=False, seed=42, winner="2", gain=2.0,
        importances={}, trials=trials,
    )  # fmt: skip


def test_a_picture_is_saved_as_svg_and_pdf_and_nothing_else(tmp_path):
    (tmp_path / "transfer.svg").write_text("old")
    written = save([small()], tmp_path)
    assert written == [tmp_path / "transfer.svg", tmp_path / "transfer.pdf"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["transfer.pdf", "transfer.svg"]
    ElementTree.parse(written[0])
    assert written[1].read_bytes().startswith(b"%PDF-")


def test_a_pdf_embeds_outlines_that_publishers_take_and_no_date():
    written = small().rendered("pdf")
    assert b"/FontFile2" in written
    assert b"/Type3" not in written
    assert b"Date" not in written


def test_the_same_input_gives_the_same_bytes_in_any_process_and_under_any_settings(tmp_path):
    (tmp_path / "matplotlibrc").write_text("font.size: 20\nsvg.fonttype: path\naxes.facecolor: red\n")
    program = (
        "import sys; sys.stdout.reconfigure(encoding='utf-8')\n"
        "from tests.analysis.test_figures_write import digest\n"
        "sys.stdout.write(digest())\n"
        "sys.exit('matplotlib.pyplot' in sys.modules)"  # pyplot would keep state, and every figure, between calls
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7", "MATPLOTLIBRC": str(tmp_path)},
        ).stdout
    }  # fmt: skip
    with matplotlib.rc_context({"svg.hashsalt": None, "font.size": 3}):
        found.add(digest())
    found.add(digest())
    assert len(found) == 1


def digest():
    picture = small()
    return hashlib.sha256(picture.svg.encode() + picture.rendered("pdf") + inline(picture).encode()).hexdigest()


def test_drawing_leaves_the_settings_of_matplotlib_as_they_were():
    before = dict(matplotlib.rcParams)
    small().rendered("png")
    assert dict(matplotlib.rcParams) == before


def test_an_embedded_picture_says_its_title_and_caption_and_fills_its_place():
    picture = small()
    root = ElementTree.fromstring(inline(picture))
    space = "{http://www.w3.org/2000/svg}"
    assert (root.tag, root.get("width"), root.get("height")) == (f"{space}svg", "100%", None)
    title, description = root.find(f"{space}title"), root.find(f"{space}desc")
    assert (title.text, description.text) == (picture.title, picture.caption)
    assert root.get("aria-labelledby").split() == [title.get("id"), description.get("id")]


def test_an_embedded_picture_has_nothing_that_a_page_must_allow_or_fetch():
    written = inline(small())
    assert written.startswith("<svg ")
    for foreign in ("<?xml", "<!DOCTYPE", "<style", "style=", "<metadata", "<script", "@import", "<image"):
        assert foreign not in written
    assert re.findall(r"(?:https?:)?//[^\"' ]*", written) == ["http://www.w3.org/2000/svg"]


def test_pictures_on_one_page_share_no_id_and_refer_to_their_own():
    first, second = small(), search_curves([study("a")])
    ids = []
    for picture in (first, second):
        root = ElementTree.fromstring(inline(picture))
        own = [element.get("id") for element in root.iter() if element.get("id")]
        values = [value for element in root.iter() for value in element.attrib.values()]
        refers = {one for value in values for one in re.findall(r"url\(#(.*?)\)", value)}
        refers |= {element.get("href")[1:] for element in root.iter() if element.get("href")}
        assert refers
        assert refers <= set(own)
        assert all(one.startswith(f"{picture.name}-") for one in own)
        ids += own
    assert len(ids) == len(set(ids))


def test_embedding_loses_no_word():
    picture = small()
    assert words_in(inline(picture)) == words_in(picture.svg)


@pytest.mark.parametrize("start", range(0, len(TEXTS), MOST_PANELS))
def test_names_out_of_data_are_text_in_a_picture(start):
    texts = TEXTS[start : start + MOST_PANELS]
    picture = search_curves([study(text) for text in texts])
    shown = [plain(text.strip(), 26) or "?" for text in texts]
    assert [word for word in words_in(picture.svg) if word in shown] == shown
    reader = Tags()
    reader.feed(inline(picture))
    assert reader.seen <= {"svg", "title", "desc", "g", "path", "use", "text", "defs", "clippath", "rect"}
    assert picture.rendered("pdf")


class Tags(HTMLParser):
    """The tags that a browser would see."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_browser_that_allows_no_inline_style_shows_every_word_within_the_picture(tmp_path):
    from playwright.sync_api import sync_playwright

    picture = small()
    policy = "default-src 'none'"
    page = tmp_path / "page.html"
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<body>{inline(picture)}",
        encoding="utf-8",
    )
    said = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": 390, "height": 600})
        shown.on("console", lambda message: said.append(message.text))
        shown.goto(page.as_uri())
        outside = shown.evaluate(
            """() => { const frame = document.querySelector('svg').getBoundingClientRect();
            return [...document.querySelectorAll('svg text')].filter(text => { const box = text.getBoundingClientRect();
            return box.width == 0 || box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1
                || box.bottom > frame.bottom + 1 }).map(text => text.textContent) }"""
        )
        width = shown.evaluate("document.documentElement.scrollWidth")
        browser.close()
    assert said == []
    assert outside == []
    assert width <= 390
