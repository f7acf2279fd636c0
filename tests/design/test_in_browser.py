"""The editor as somebody uses it: mouse, keyboard, two tabs, a picture."""

from __future__ import annotations

import http.server
import json
import threading

import pytest

from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.formats.layout_file import read_yaml, write_yaml
from tests.browser import click, find, until


def opened(browser, editor):
    browser.get(editor.url)
    until(browser, lambda: find(browser, "body[data-ready]"))
    until(browser, lambda: placement(browser)["scale"] > 0.02)


def placement(browser):
    """Where the layout lies in the window: its corner, and screen pixels per layout pixel."""
    return browser.execute_script(
        "const f = document.querySelector('.board'), r = f.getBoundingClientRect(),"
        "p = JSON.parse(f.dataset.placement); return {x: r.left + p.x, y: r.top + p.y, scale: p.scale}"
    )


def drag(browser, start, end):
    """Press the mouse at a place of the layout, in its pixels, and let go at another."""
    from selenium.webdriver.common.actions.action_builder import ActionBuilder
    from selenium.webdriver.common.actions.pointer_input import PointerInput

    at = placement(browser)
    builder = ActionBuilder(browser, mouse=PointerInput("mouse", "mouse"), duration=30)
    pointer = builder.pointer_action

    def move(point):
        pointer.move_to_location(*(round(at[k] + v * at["scale"]) for k, v in zip("xy", point, strict=True)))

    move(start)
    pointer.pointer_down()
    move(((start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
    move(end)
    pointer.pointer_up()
    builder.perform()


def keys(browser, *sent):
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(*sent).perform()


def with_key(browser, held, key):
    from selenium.webdriver import ActionChains

    ActionChains(browser).key_down(held).send_keys(key).key_up(held).perform()


def with_control(browser, key):
    with_key(browser, "\ue009", key)


def objects(browser):
    """The labels and sizes of the objects in the list."""
    rows = browser.execute_script(
        "return [...document.querySelectorAll('.list li')].map((row) =>"
        "[row.querySelector('.name').textContent, row.querySelector('.number').textContent])"
    )
    return [tuple(row) for row in rows]


def wait_for(browser, wanted):
    until(browser, lambda: objects(browser) == wanted, 10)


def field(browser, name):
    return until(browser, lambda: find(browser, f'[aria-label="{name}"]'))[0]


def fill(browser, name, text):
    from selenium.webdriver import Keys

    one = field(browser, name)
    one.send_keys(Keys.CONTROL, "a")
    one.send_keys(text, Keys.TAB)


def corners(browser):
    """Place and size of the box that is selected, as they can be typed."""
    return [int(field(browser, name).get_attribute("value")) for name in ("x", "y", "width", "height")]


def two_dogs(path):
    boxes = (Box(16, 16, 64, 80), Box(96, 64, 144, 128))
    layout = Layout(192, 160, tuple(Instance("dog", box) for box in boxes), "2 dogs on green ground")
    write_yaml(path, layout)
    return layout


def test_from_an_empty_canvas_to_an_evaluated_picture(browser, edit, tmp_path):
    path = tmp_path / "drawn.yaml"
    editor = edit(path)
    opened(browser, editor)
    click(browser, ".palette button", "dog")
    drag(browser, (16, 16), (64, 80))
    drag(browser, (96, 24), (144, 88))
    click(browser, ".palette button", "cat")  # what is selected becomes one, and what is drawn from now on
    drag(browser, (40, 112), (88, 168))
    wait_for(browser, [("dog", "48x64"), ("cat", "48x64"), ("cat", "48x56")])
    assert corners(browser) == [40, 112, 48, 56]

    drag(browser, (88, 168), (104, 184))  # the corner of the box that is selected
    until(browser, lambda: corners(browser) == [40, 112, 64, 72])
    click(browser, '[aria-label="Undo"]')
    until(browser, lambda: corners(browser) == [40, 112, 48, 56])
    click(browser, '[aria-label="Redo"]')
    with_control(browser, "z")
    until(browser, lambda: corners(browser) == [40, 112, 48, 56])
    click(browser, ".list li:nth-child(2) button")
    click(browser, ".palette button", "dog\n1")

    fill(browser, "Negative prompt", "blur")
    find(browser, ".right textarea")[0].send_keys("2 dogs and a cat on green ground")
    assert "not saved" in find(browser, ".heading")[0].text and not path.exists()
    with_control(browser, "s")
    until(browser, lambda: find(browser, ".heading p")[0].text == "saved")
    boxes = [("dog", Box(16, 16, 64, 80)), ("dog", Box(96, 24, 144, 88)), ("cat", Box(40, 112, 88, 168))]
    instances = tuple(Instance(*box) for box in boxes)
    assert read_yaml(path).layout == Layout(192, 192, instances, "2 dogs and a cat on green ground", "blur")

    click(browser, "button", "Generate")
    picture = until(browser, lambda: find(browser, ".strip img"), 120)[0]
    until(browser, lambda: browser.execute_script("return arguments[0].naturalWidth", picture) == 192)
    until(browser, lambda: find(browser, ".generate .primary"))
    assert browser.execute_script(BRIGHT, placement(browser)) > 20  # colours, where the paper was white
    click(browser, "button", "Evaluate")
    until(browser, lambda: len(find(browser, ".list .outcome")) == 3, 60)
    until(browser, lambda: "3 objects are at their place" in find(browser, ".messages")[0].text)


# How many different colours the board shows along the diagonal of the layout.
BRIGHT = """
const {x, y, scale} = arguments[0], canvas = document.querySelector(".board canvas");
const bounds = canvas.getBoundingClientRect(), ratio = canvas.width / bounds.width, seen = new Set();
const context = canvas.getContext("2d");
for (let k = 4; k < 188; k += 2) {
  const at = [(x + k * scale - bounds.left) * ratio, (y + k * scale - bounds.top) * ratio];
  seen.add(context.getImageData(...at, 1, 1).data.slice(0, 3).join());
}
return seen.size;
"""


def test_the_keyboard_moves_duplicates_aligns_and_deletes(browser, edit, tmp_path):
    from selenium.webdriver import Keys

    path = tmp_path / "dogs.yaml"
    two_dogs(path)
    opened(browser, edit(path))
    click(browser, ".list li:nth-child(1) button")
    keys(browser, Keys.ARROW_RIGHT)
    until(browser, lambda: corners(browser) == [24, 16, 48, 64])
    with_key(browser, Keys.SHIFT, Keys.ARROW_DOWN)
    until(browser, lambda: corners(browser) == [24, 16, 48, 72])
    for _ in range(30):
        keys(browser, Keys.ARROW_LEFT)
    until(browser, lambda: corners(browser) == [0, 16, 48, 72])  # not beyond the canvas
    with_control(browser, "d")
    until(browser, lambda: corners(browser) == [16, 32, 48, 72] and len(objects(browser)) == 3)
    with_control(browser, "a")
    until(browser, lambda: len(find(browser, '.list [aria-pressed="true"]')) == 3)
    browser.execute_script(
        "const s = document.querySelector('.align'); s.value = 'top';"
        "s.dispatchEvent(new Event('change', {bubbles: true}))"
    )
    for k in (1, 2, 3):
        click(browser, f".list li:nth-child({k}) button")
        until(browser, lambda: corners(browser)[1] == 16)
    keys(browser, Keys.DELETE)
    until(browser, lambda: len(objects(browser)) == 2)
    for _ in range(12):
        with_control(browser, "z")
    wait_for(browser, [("dog", "48x64")] * 2)
    until(browser, lambda: find(browser, ".heading p")[0].text == "saved")  # undone to what the file holds
    assert not find(browser, '[aria-label="Undo"]')[0].is_enabled()


def test_boxes_are_selected_by_dragging_and_moved_together(browser, edit, tmp_path):
    path = tmp_path / "dogs.yaml"
    layout = two_dogs(path)
    opened(browser, edit(path))
    drag(browser, (4, 4), (100, 100))  # touches both
    until(browser, lambda: len(find(browser, '.list [aria-pressed="true"]')) == 2)
    drag(browser, (40, 48), (56, 56))
    with_control(browser, "s")
    until(browser, lambda: find(browser, ".heading p")[0].text == "saved")
    moved = tuple(Instance(one.label, one.box.shift(16, 8)) for one in layout.instances)
    assert read_yaml(path).layout.instances == moved


def test_painting_is_shown_as_it_goes_and_can_be_cancelled(browser, edit, tmp_path):
    path = tmp_path / "dogs.yaml"
    two_dogs(path)
    opened(browser, edit(path))
    browser.execute_script(
        "const s = document.querySelector('[aria-label=\"Quality\"]'); s.value = 'fine';"
        "s.dispatchEvent(new Event('change', {bubbles: true}))"
    )
    assert browser.execute_script(BRIGHT, placement(browser)) < 10
    click(browser, "button", "Generate")
    until(browser, lambda: " of 40" in find(browser, ".generate")[0].text, 60)
    # A preview, in colours, before the picture is finished.
    until(browser, lambda: browser.execute_script(BRIGHT, placement(browser)) > 20)
    assert not find(browser, ".strip")
    assert 0 < find(browser, "progress")[0].get_property("value") < 40
    click(browser, "button", "Cancel")
    until(browser, lambda: find(browser, ".generate .primary"))
    assert not find(browser, ".strip img")


def test_what_the_model_cannot_draw_is_said_while_drawing(browser, edit, tmp_path):
    opened(browser, edit(folder=tmp_path))
    drag(browser, (8, 8), (24, 24))
    until(browser, lambda: "below 24 px the model draws nothing" in find(browser, ".selection")[0].text)
    find(browser, '[name="new"]')[0].send_keys("zebra\n")
    until(browser, lambda: 'has not learnt "zebra", only cat, dog' in find(browser, ".selection")[0].text)
    assert find(browser, ".list .warned")
    click(browser, "button", "Generate")
    until(browser, lambda: "has not learnt 'zebra'" in find(browser, '[role="alert"]')[0].text)


def test_objects_are_scattered_over_a_region(browser, edit, tmp_path):
    path = tmp_path / "dogs.yaml"
    two_dogs(path)
    opened(browser, edit(path))
    keys(browser, "g")
    drag(browser, (64, 4), (190, 156))
    until(browser, lambda: find(browser, 'dialog[data-kind="scatter"]'))
    number, label = find(browser, "dialog .fields input")
    number.clear()
    number.send_keys("4")
    label.clear()
    label.send_keys("cat")
    click(browser, "dialog .primary")
    until(browser, lambda: len(objects(browser)) == 6)
    first = objects(browser)
    assert [name for name, _ in first] == ["dog"] * 2 + ["cat"] * 4
    assert len(find(browser, '.list [aria-pressed="true"]')) == 4
    click(browser, "button", "Scatter anew")
    until(browser, lambda: objects(browser) != first and len(objects(browser)) == 6)


def test_coco_is_pasted(browser, edit, coco, tmp_path):
    _, file = coco(
        [("a.png", 160, 120), ("b.png", 64, 64)],
        [(1, "dog", [16.0, 16, 40, 56]), (2, "cat", [8.0, 8, 40, 40])],
    )
    opened(browser, edit(folder=tmp_path))
    click(browser, "button", "Paste")
    until(browser, lambda: find(browser, "dialog textarea"))
    browser.execute_script(
        "const t = document.querySelector('dialog textarea'); t.value = arguments[0];"
        "t.dispatchEvent(new Event('input', {bubbles: true}))",
        file.read_text(),
    )
    click(browser, "dialog .primary")
    until(browser, lambda: len(find(browser, ".choices button")) == 2)
    find(browser, ".choices button")[0].click()
    wait_for(browser, [("dog", "40x56")])
    assert field(browser, "Canvas width").get_attribute("value") == "160"
    # The same by the keyboard, as the browser hands a clipboard over.
    browser.execute_script(
        "const d = new DataTransfer(); d.setData('text/plain', arguments[0]);"
        "document.body.dispatchEvent(new ClipboardEvent('paste', {clipboardData: d, bubbles: true}))",
        json.dumps([{"category_id": 17, "bbox": [80, 60, 40, 48]}]),
    )
    wait_for(browser, [("dog", "40x56"), ("cat", "40x48")])


def test_a_photo_is_traced(browser, edit, picture, tmp_path):
    picture(320, 240).save(tmp_path / "photo.png")
    opened(browser, edit(folder=tmp_path))
    find(browser, '.right input[type="file"]')[0].send_keys(str(tmp_path / "photo.png"))
    click(browser, "button", "Canvas as photo")
    until(browser, lambda: field(browser, "Canvas width").get_attribute("value") == "320")
    assert field(browser, "Canvas height").get_attribute("value") == "240"
    until(browser, lambda: browser.execute_script(BRIGHT, placement(browser)) > 20)
    click(browser, "button", "Remove")
    until(browser, lambda: browser.execute_script(BRIGHT, placement(browser)) < 5)


def is_asked_before_leaving(browser):
    return browser.execute_script(
        "const e = new Event('beforeunload', {cancelable: true}); dispatchEvent(e); return e.defaultPrevented"
    )


def test_two_tabs_do_not_lose_each_others_work(browser, edit, tmp_path):
    path = tmp_path / "dogs.yaml"
    two_dogs(path)
    editor = edit(path)
    opened(browser, editor)
    first = browser.current_window_handle
    assert not is_asked_before_leaving(browser)
    find(browser, ".right textarea")[0].send_keys(" - first")
    until(browser, lambda: is_asked_before_leaving(browser))
    until(browser, lambda: editor.session.unsaved)

    browser.switch_to.new_window("tab")
    opened(browser, editor)
    find(browser, ".right textarea")[0].send_keys(" - second")
    with_control(browser, "s")
    until(browser, lambda: find(browser, ".heading p")[0].text == "saved")
    assert not is_asked_before_leaving(browser)

    browser.switch_to.window(first)
    with_control(browser, "s")
    until(browser, lambda: find(browser, 'dialog[data-kind="conflict"]'))
    assert read_yaml(path).layout.prompt == "2 dogs on green ground - second"
    click(browser, "dialog button", "Save under another name")
    until(browser, lambda: find(browser, 'dialog[data-kind="save"] input'))
    name = find(browser, "dialog input")[0]
    name.clear()
    name.send_keys("mine\n")
    until(browser, lambda: (tmp_path / "mine.yaml").exists())
    assert read_yaml(tmp_path / "mine.yaml").layout.prompt == "2 dogs on green ground - first"
    assert read_yaml(path).layout.prompt == "2 dogs on green ground - second"
    until(browser, lambda: not editor.session.unsaved)


def test_a_tab_without_changes_follows_the_file(browser, edit, tmp_path):
    path = tmp_path / "dogs.yaml"
    two_dogs(path)
    opened(browser, edit(path))
    write_yaml(path, Layout(192, 160, prompt="theirs"))
    browser.execute_script("dispatchEvent(new Event('focus'))")
    wait_for(browser, [])
    assert find(browser, ".right textarea")[0].get_attribute("value") == "theirs"
    assert not is_asked_before_leaving(browser)


def test_what_the_other_tab_saved_can_be_taken(browser, edit, tmp_path):
    path = tmp_path / "dogs.yaml"
    two_dogs(path)
    editor = edit(path)
    opened(browser, editor)
    write_yaml(path, Layout(192, 160, prompt="theirs"))
    find(browser, ".right textarea")[0].send_keys(" - mine")
    with_control(browser, "s")
    click(browser, "dialog button", "Load theirs")
    wait_for(browser, [])
    assert find(browser, ".right textarea")[0].get_attribute("value") == "theirs"
    click(browser, '[aria-label="Undo"]')  # what was drawn here is one undo away
    until(browser, lambda: "mine" in find(browser, ".right textarea")[0].get_attribute("value"))
    assert len(objects(browser)) == 2


def test_changes_outlive_the_program(browser, edit, tmp_path):
    path = tmp_path / "dogs.yaml"
    two_dogs(path)
    editor = edit(path)
    opened(browser, editor)
    # As if it had been ended: nothing answers at its address any more.
    browser.execute_script("window.fetch = () => Promise.reject(new TypeError('Failed to fetch'))")
    find(browser, ".right textarea")[0].send_keys(" - mine")
    with_control(browser, "s")
    until(browser, lambda: "copy all boxes with Ctrl+C" in find(browser, '[role="alert"]')[0].text)
    copied = browser.execute_script(
        "const d = new DataTransfer(); document.activeElement.blur();"
        "document.body.dispatchEvent(new ClipboardEvent('copy', {clipboardData: d, bubbles: true}));"
        "return d.getData('text/plain')"
    )
    (again,) = editor.ask("read", {"text": copied})["layouts"]
    assert len(again["instances"]) == 2 and again["prompt"] == "2 dogs on green ground - mine"


def test_a_file_written_by_hand_is_not_replaced_without_a_question(browser, edit, tmp_path):
    path = tmp_path / "hand.yaml"
    content = "# mine\ncanvas: {width: 192, height: 160}\ninstances: [{label: dog, xyxy: [16, 16, 64, 80]}]\n"
    path.write_text(content)
    opened(browser, edit(path))
    find(browser, ".right textarea")[0].send_keys("x")
    with_control(browser, "s")
    until(browser, lambda: find(browser, 'dialog[data-kind="rewritten"]'))
    assert path.read_text() == content
    click(browser, "dialog button", "Replace it")
    until(browser, lambda: path.read_text() != content)
    assert read_yaml(path).layout.prompt == "x"


@pytest.fixture
def elsewhere():
    """Another site on this machine, whose page may say anything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title><link rel=icon href=data:,>")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


STEAL = """
const [url, token, done] = arguments;
const tried = [
  fetch(url + "/api/state", {method: "POST", body: "{}", headers: {"X-Layoutgen-Token": token}}),
  fetch(url + "/api/save", {method: "POST", mode: "no-cors", body: '{"layout": {}, "revision": ""}'}),
  fetch(url + "/?token=" + token),
];
Promise.allSettled(tried).then((all) => done(all.map((one) => one.status + " " + (one.value?.type ?? ""))));
"""


def test_another_origin_gets_nothing_not_even_with_the_token(browser, edit, elsewhere, tmp_path):
    path = tmp_path / "dogs.yaml"
    two_dogs(path)
    content = path.read_bytes()
    editor = edit(path)
    browser.get(elsewhere)
    url = f"http://127.0.0.1:{editor.access.port}"
    got = browser.execute_async_script(STEAL, url, editor.access.token)
    assert got == ["rejected "] * 3
    assert path.read_bytes() == content
    browser.get_log("browser")  # Chromium says of each that it was blocked
    browser.get(f"{url}/")
    assert "Refused: the address has no valid token" in find(browser, "body")[0].text
