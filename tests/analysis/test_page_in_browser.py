"""The page in a browser: sorting, what shows on hover and tap, no scrolling of the whole page, no network."""

import os
import shutil

import pytest

from analysis.report import writer
from analysis.report.worked_out import Judged
from tests.made.paper_grid import fill_paper
from tests.made.verdicts import made_verdicts

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
playwright = pytest.importorskip("playwright.sync_api")


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """The page of the paper's grid with made verdicts."""
    root = tmp_path_factory.mktemp("paper")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "judged", lambda store, sweep, selections, margin: Judged(
            verdicts=made_verdicts(sweep.results, selections)))  # fmt: skip
        return writer.write_report(fill_paper(root / "store"), root).page


@pytest.fixture(scope="module")
def browser():
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as started:
        made = started.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield made
        made.close()


@pytest.fixture
def opened(browser, page_file):
    """Opens the page; afterwards nothing may have been said on the console, nor asked of a network."""
    said, asked, contexts = [], [], []

    def make(width=1400, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        return page

    yield make
    for context in contexts:
        context.close()
    assert said == []
    assert {url for url in asked if not url.startswith("data:")} == {page_file.as_uri()}


@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_itself_never_scrolls_sideways(opened, width, scheme):
    page = opened(width, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (colour == "rgb(255, 255, 255)") == (scheme == "light")


def test_a_click_on_a_heading_sorts_by_number_and_the_third_one_undoes_it(opened):
    page = opened()
    column = page.locator("#answer thead button", has_text="change on dev")

    def order():
        return page.locator("#answer tbody th").all_inner_texts()

    first = order()
    column.click()
    # the largest changes of the printed table: Tatoeba, BUCC, then TyDiQA
    assert order()[:3] == ["Tatoeba", "BUCC", "TyDiQA"]
    assert page.locator("#answer th[aria-sort=descending]").count() == 1
    column.click()
    assert order()[-3:] == ["TyDiQA", "BUCC", "Tatoeba"]
    column.click()
    assert order() == first


def test_feet_stay_below_when_a_table_is_sorted(opened):
    page = opened()
    table = page.locator("#selection table").first
    table.locator("thead button", has_text="target").click()
    assert table.locator("tr").last.locator("th").inner_text() == "Avg"


def test_a_cell_says_on_hover_what_stands_behind_it(opened):
    page = opened()
    cell = page.locator("table.main tr", has_text="HellaSwag").first.locator("td a").nth(7)
    tip = page.locator("#tip")
    assert tip.is_hidden()
    cell.hover()
    text = tip.inner_text()
    assert text.startswith("HellaSwag -> BUCC")
    for part in ("95 % interval", "better", "detectable", "seeds needed", "42: ", "43: ", "44: "):
        assert part in text
    page.mouse.move(5, 5)
    assert tip.is_hidden()
    cell.focus()
    assert tip.is_visible()
    page.keyboard.press("Escape")
    assert tip.is_hidden()


def test_a_tap_keeps_it_open_within_the_screen(opened):
    page = opened(390, has_touch=True, is_mobile=True)
    cell = page.locator("table.main td a").nth(30)
    cell.tap()
    box = page.locator("#tip").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    page.locator("h1").tap()
    assert page.locator("#tip").is_hidden()


def test_a_wide_table_scrolls_within_itself_and_its_first_column_stays(opened):
    page = opened(390)
    scroller = page.locator("#table2 .scroll")
    assert scroller.evaluate("(each) => each.scrollWidth > each.clientWidth")
    label = page.locator("table.main tbody th[scope=row]").first
    before = label.bounding_box()["x"]
    scroller.evaluate("(each) => { each.scrollLeft = 200; }")
    assert label.bounding_box()["x"] == before


def test_without_javascript_a_cell_leads_to_its_line(opened):
    page = opened(java_script_enabled=False)
    link = page.locator("table.main td a").nth(12)
    assert page.locator(link.get_attribute("href")).count() == 1
    assert page.locator("details").count() > 5


def test_the_page_of_the_papers_grid_is_small(page_file):
    assert page_file.stat().st_size < 1_500_000
