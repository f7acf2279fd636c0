"""Galleries in a real browser: load, switch, filter, scroll, look closely, compare."""

from __future__ import annotations

import random

import pytest

from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.layout import Box, Instance
from layoutgen.gallery.page import write_page
from layoutgen.gallery.records import Gallery, GalleryBox, GalleryImage, TrainingHistory
from tests.browser import click, find, until

HOSTILE = '<b>"x"\'</b></script><script>window.hacked = 1</script>\x07'
MANY = 1000
CROWDED = 7  # the image with 300 boxes
OUTCOMES = ("matched",) * 6 + ("missed", "misplaced")


def boxes(rng, count, side):
    """`count` boxes in 320 x 240 pixels, some of which were not found; of an even number one too much."""
    for k in range(count):
        x, y = rng.randrange(0, 320 - side), rng.randrange(0, 240 - side)
        outcome = OUTCOMES[rng.randrange(len(OUTCOMES))]
        asked = Instance(("dog", "dog", "cat")[k % 3], Box(x, y, x + side, y + side))
        seen = None if outcome == "missed" else Detection(asked.label, asked.box.shift(1, 1), 0.75)
        yield GalleryBox(asked, outcome, seen, None if seen is None else 0.8)
    if count % 2 == 0:
        extra = Detection("cat", Box(1, 1, 30, 30), 0.6)
        yield GalleryBox(Instance(extra.label, extra.box), "extra", extra)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A page of 1,000 images, and its gallery."""
    from tests.conftest import _picture

    folder = tmp_path_factory.mktemp("many")
    (folder / "images").mkdir()
    _picture(320, 240).save(folder / "images" / "0.jpg")
    content, rng = (folder / "images" / "0.jpg").read_bytes(), random.Random(0)
    images = []
    for k in range(MANY):
        path = folder / "images" / f"{k}.jpg"
        path.write_bytes(content)
        found = tuple(boxes(rng, 300 if k == CROWDED else 1 + k % 30, 12 if k == CROWDED else 24 + k % 60))
        images.append(GalleryImage(f"{k}.jpg", path, 320, 240, found, f"prompt {k}"))
    gallery = Gallery("Many", "many", tuple(images), figures={"recall": 0.75, "precision": 0.875})
    list(write_page(gallery, folder / "gallery.html"))
    return folder / "gallery.html", gallery


def opened(browser, path):
    browser.get(path.as_uri())
    until(browser, lambda: find(browser, ".page"))


def count(browser):
    return find(browser, ".count")[0].text


def wrong(image):
    return sum(box.outcome != "matched" for box in image.boxes)


def asked(image):
    return sum(box.outcome != "extra" for box in image.boxes)


FIRST_PICTURE = """
const done = arguments[0];
(function look() {
  const image = document.querySelector(".tile img");
  if (image && image.complete && image.naturalWidth) requestAnimationFrame(() => done(performance.now()));
  else requestAnimationFrame(look);
})();
"""
SCROLL = """
const [done] = arguments;
const grid = document.querySelector(".grid"), tasks = [], seen = new Set();
new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration)))
  .observe({ entryTypes: ["longtask"] });
let steps = 0;
grid.scrollTop = 0;
requestAnimationFrame(function step() {
  grid.scrollTop += 700;
  for (const tile of document.querySelectorAll(".tile .name")) seen.add(tile.textContent);
  steps += 1;
  if (grid.scrollTop + grid.clientHeight < grid.scrollHeight - 1) requestAnimationFrame(step);
  else setTimeout(() => done({ longest: Math.max(0, ...tasks), seen: seen.size, steps,
    tiles: document.querySelectorAll(".tile").length }), 100);
});
"""


def best_of(times, measure, limit):
    """The least of up to `times` measures: a machine with other work is slow at times."""
    results = []
    while len(results) < times and (not results or min(results) >= limit):
        results.append(measure())
    return min(results)


def test_a_thousand_images_show_at_once_and_scroll_smoothly(browser, many):
    path, _ = many

    def first():
        opened(browser, path)
        return browser.execute_async_script(FIRST_PICTURE)

    assert best_of(4, first, 2000) < 2000  # ms
    assert count(browser) == "1,000 images"

    def scroll():
        result = browser.execute_async_script(SCROLL)
        assert result["seen"] == MANY and result["tiles"] < 60  # all came by, few exist
        return result["longest"]

    assert best_of(4, scroll, 200) < 200  # ms


def test_the_worst_come_first_and_can_be_sorted_otherwise(browser, many):
    path, gallery = many
    opened(browser, path)
    first = until(browser, lambda: find(browser, '[data-place="0"] .name'))[0].text
    worst = max(gallery.images, key=wrong)
    assert first == worst.name == f"{CROWDED}.jpg"
    text = find(browser, '[data-place="0"] .caption')[0].text
    assert f"{wrong(worst)} wrong {asked(worst) - wrong(worst) + 1} of 300" in text.replace("\n", " ")
    browser.execute_script(
        "const s = document.querySelector('.toolbar select'); s.value = 'file';"
        "s.dispatchEvent(new Event('change', {bubbles: true}))"
    )
    until(browser, lambda: find(browser, '[data-place="0"] .name')[0].text == "0.jpg")


def typed(browser, label, text):
    field = find(browser, f'[aria-label="{label}"]')[0]
    field.clear()
    field.send_keys(text)


def test_filters_leave_what_they_say(browser, many):
    path, gallery = many
    opened(browser, path)

    def expected(condition):
        return f"{sum(map(condition, gallery.images)):,} of 1,000 images"

    def wait(text):
        until(browser, lambda: count(browser) == text)

    click(browser, ".chip.missed")
    wait(expected(lambda image: any(b.outcome == "missed" for b in image.boxes)))
    typed(browser, "Longer side of a box, in pixels: from", "60")
    big_and_missed = expected(
        lambda i: any(b.outcome == "missed" and b.instance.box.width >= 60 for b in i.boxes)
    )
    wait(big_and_missed)
    assert big_and_missed != expected(lambda i: any(b.outcome == "missed" for b in i.boxes))
    click(browser, ".filters button", "Show everything")
    wait("1,000 images")
    typed(browser, "Objects in the image: from", "20")
    typed(browser, "Objects in the image: to", "25")
    wait(expected(lambda image: 20 <= asked(image) <= 25))
    click(browser, ".filters button", "Show everything")
    click(browser, '[aria-label="Only images with cat"]')
    wait(expected(lambda image: any(b.instance.label == "cat" for b in image.boxes)))
    click(browser, ".filters button", "Show everything")
    find(browser, ".filters input[type=search]")[0].send_keys("prompt 99")
    wait("11 of 1,000 images")  # 99 and 990 to 999
    find(browser, ".filters input[type=search]")[0].send_keys("x")
    until(browser, lambda: "No image is like that" in find(browser, ".grid")[0].text)


def shown(browser):
    """The labels of the boxes of the open image, by how many there are."""
    names = browser.execute_script(
        "return [...document.querySelectorAll('.viewer .box')].map((box) => box.dataset.label)"
    )
    return {name: names.count(name) for name in set(names)}


def test_three_hundred_boxes_can_be_switched_and_pointed_at(browser, many):
    from selenium.webdriver import ActionChains

    path, _ = many
    opened(browser, path)
    until(browser, lambda: find(browser, '[data-place="0"] button'))[0].click()
    until(browser, lambda: shown(browser) == {"dog": 200, "cat": 101})
    box = find(browser, ".viewer .box")[-1]
    ActionChains(browser).move_to_element(box).perform()
    said = until(
        browser, lambda: "px at" in find(browser, ".pointed")[0].text and find(browser, ".pointed")[0].text
    )
    assert said.split(" · ")[0] in ("dog", "cat") and "12 x 12 px at" in said
    ActionChains(browser).send_keys("b").perform()
    until(browser, lambda: shown(browser) == {})
    ActionChains(browser).send_keys("b").send_keys("").perform()
    ActionChains(browser).send_keys("\ue00c").perform()  # Escape
    until(browser, lambda: not find(browser, ".viewer[open]"))
    find(browser, ".labels input")[0].click()  # dog, the most frequent
    until(browser, lambda: find(browser, '[data-place="0"] button'))[0].click()
    until(browser, lambda: shown(browser) == {"cat": 101})


def test_the_keyboard_is_enough(browser, many):
    from selenium.webdriver import ActionChains, Keys

    path, _ = many
    opened(browser, path)
    keys = ActionChains(browser)
    browser.execute_script("document.querySelector('[data-place=\"0\"] button').focus()")
    keys.send_keys(Keys.ARROW_DOWN).perform()
    focused = "return document.activeElement.closest('[data-place]')?.dataset.place"
    place = until(browser, lambda: (found := browser.execute_script(focused)) != "0" and found)
    ActionChains(browser).send_keys(Keys.ENTER).perform()
    title = until(browser, lambda: find(browser, ".viewer h2"))[0].text
    ActionChains(browser).send_keys(Keys.ARROW_RIGHT).perform()
    until(browser, lambda: find(browser, ".viewer h2")[0].text != title)
    position = find(browser, ".opened header .soft")[0].text
    assert position == f"{int(place) + 2} of 1,000"
    ActionChains(browser).send_keys("s").perform()
    until(browser, lambda: len(find(browser, ".viewer .view")) == 2)
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    until(browser, lambda: not find(browser, ".viewer[open]"))
    ActionChains(browser).send_keys("?").perform()
    until(browser, lambda: find(browser, "dialog[open] .keys"))


def test_statistics_follow_the_filters(browser, many):
    path, gallery = many
    opened(browser, path)
    click(browser, "[role=tab]", "Statistics")
    until(browser, lambda: len(find(browser, ".plot")) == 5)

    def counts():
        return {
            row.find_element("css selector", ".name").text: row.find_element("css selector", ".number").text
            for row in find(browser, ".rowbar")
        }

    def number(label, images):
        return f"{sum(b.instance.label == label and b.outcome != 'extra' for i in images for b in i.boxes):,}"

    assert counts() == {label: number(label, gallery.images) for label in ("dog", "cat")}
    recall = find(browser, '.plot svg[aria-label^="Recall by size"]')[0].get_attribute("aria-label")
    crowd = gallery.images[CROWDED]
    share = sum(b.outcome == "matched" for b in crowd.boxes) / 300
    assert f" 0+ {100 * share:.1f}%," in recall  # 12 px are in that image only
    find(browser, ".filters input[type=search]")[0].send_keys("prompt 99")
    nines = [i for i in gallery.images if "prompt 99" in i.prompt]
    until(browser, lambda: counts()["dog"] == number("dog", nines))
    assert find(browser, ".figures td")[0].text == "75.0%"


@pytest.fixture
def hostile(picture, tmp_path):
    name = "a #?%\"'<i>&amp;.png"
    picture(64, 48).save(tmp_path / name)
    picture(64, 48).save(tmp_path / "other.jpg")
    found = GalleryBox(Instance(HOSTILE, Box(4, 4, 40, 40)))
    other = GalleryImage("other.jpg", tmp_path / "other.jpg", 64, 48, (found, found))
    image = GalleryImage(name, tmp_path / name, 64, 48, (found,), HOSTILE, "layoutgen sample x", other)
    alone = GalleryImage("alone.jpg", tmp_path / "other.jpg", 64, 48)
    gallery = Gallery(HOSTILE, HOSTILE, (image, alone), compared="the other run")
    list(write_page(gallery, tmp_path / "page.html"))
    return tmp_path / "page.html"


def test_texts_from_files_are_texts(browser, hostile):
    opened(browser, hostile)
    assert browser.execute_script("return typeof window.hacked") == "undefined"
    clean = HOSTILE.replace("\x07", "")
    assert find(browser, ".heading h1")[0].get_attribute("textContent").replace("\x07", "") == clean
    assert find(browser, ".labels .name")[0].get_attribute("textContent").replace("\x07", "") == clean
    until(browser, lambda: find(browser, '[data-place="0"] button'))[0].click()
    picture = until(browser, lambda: find(browser, ".viewer img"))[0]
    until(browser, lambda: browser.execute_script("return arguments[0].naturalWidth", picture) == 64)
    assert find(browser, ".copyable code")[0].text == "layoutgen sample x"
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert all(name.startswith(("file:", "data:")) for name in loaded)


def test_another_run_stands_beside(browser, hostile):
    opened(browser, hostile)
    until(browser, lambda: find(browser, '[data-place="0"] button'))[0].click()
    until(browser, lambda: len(find(browser, ".viewer .view")) == 2)
    assert [one.text for one in find(browser, ".viewer figcaption")] == ["here", "the other run"]
    assert [len(v.find_elements("css selector", ".box")) for v in find(browser, ".viewer .view")] == [1, 2]
    click(browser, '[aria-label="Next image"]')
    until(browser, lambda: "the other run has no image of this name" in find(browser, ".views")[0].text)


def test_a_training_run_shows_curves_and_the_same_layouts_over_time(browser, picture, tmp_path):
    histories = []
    for run in ("one", "two"):
        sheets = []
        for images in (100, 200, 300):
            path = tmp_path / f"{run}-{images}.png"
            picture(images, 50).save(path)
            sheets.append((images, path))
        metrics = tuple(
            {"images": k, "loss": 100 / k, "loss_inside": None, "lr": 1e-4} for k in range(1, 301)
        )
        histories.append(TrainingHistory(run, metrics, tuple(sheets)))
    gallery = Gallery("Training", "runs", compared="two", histories=tuple(histories))
    list(write_page(gallery, tmp_path / "page.html"))
    opened(browser, tmp_path / "page.html")
    plot = until(browser, lambda: find(browser, '.plot svg[aria-label^="Loss"]'))[0]
    assert "loss, one ends at 0.333, loss, two ends at 0.333" in plot.get_attribute("aria-label")

    def widths():
        return browser.execute_script(
            "return [...document.querySelectorAll('.sheets img')].map((i) => i.naturalWidth)"
        )

    until(browser, lambda: widths() == [300, 300])
    slider = find(browser, ".timeline input")[0]
    slider.send_keys("\ue012")  # arrow left
    until(browser, lambda: widths() == [200, 200])
    assert find(browser, ".timeline output")[0].text == "after 200 images (2 of 3)"
