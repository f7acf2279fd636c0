"""What the editor's server answers, and to whom."""

from __future__ import annotations

import io
import json
import socket
import threading
import time

import numpy as np
import pytest
from PIL import Image

from layoutgen.design.painter import Progress
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.formats.layout_file import read_yaml, write_yaml
from layoutgen.formats.png import read_png
from tests.design.conftest import LAYOUT

HAND_WRITTEN = """# two animals
canvas: {width: 192, height: 160}
instances:
  - {label: dog, xyxy: [16, 16, 64, 80]}
  - {label: cat, count: 1, arrange: scatter}
"""


class TestWhoMayAsk:
    def test_the_page_and_its_program(self, edit):
        editor = edit()
        path = editor.url.partition(str(editor.access.port))[2]
        status, page = editor.send(path, X_Layoutgen_Token=None)
        assert status == 200 and b"/static/design.js" in page
        assert editor.send("/static/design.js", X_Layoutgen_Token=None)[0] == 200
        assert editor.send("/static/../server.py", X_Layoutgen_Token=None)[0] in (403, 404)
        assert editor.send("/static/%2e%2e%2fserver.py")[0] == 404

    @pytest.mark.parametrize("path", ["/", "/?token=", "/?token=wrong", "/api/picture/1", "/favicon.ico"])
    def test_a_missing_or_wrong_token_is_refused(self, edit, path):
        status, text = edit().send(path, X_Layoutgen_Token=None)
        assert status == 403 and b"no valid token" in text

    @pytest.mark.parametrize("token", [None, "wrong", "", "\xe9"])
    def test_so_is_one_of_a_request(self, edit, token):
        editor = edit()
        assert editor.send("/api/state", {}, X_Layoutgen_Token=token)[0] == 403
        # One in the address of a request is none: addresses are written down in many places.
        path = f"/api/state?token={editor.access.token}"
        assert editor.send(path, {}, X_Layoutgen_Token=None)[0] == 403
        assert editor.send("/api/state", {})[0] == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://127.0.0.1:1"},
            {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors"},
            {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors"},
            {"Host": "evil.example"},
            {"Host": "127.0.0.1"},
        ],
    )
    def test_other_pages_are_refused_also_with_the_token(self, edit, headers):
        editor = edit()
        assert editor.send("/api/state", {}, **headers)[0] == 403

    def test_its_own_page_is_not(self, edit):
        editor = edit()
        own = {"Origin": f"http://127.0.0.1:{editor.access.port}", "Sec_Fetch_Site": "same-origin"}
        assert editor.send("/api/state", {}, **own)[0] == 200

    def test_nobody_outside_the_machine_can_connect(self, edit):
        port = edit().access.port
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # The port is free on every other address: the server listens on loopback only.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            probe.bind(("127.0.0.2", port))


class TestTheFile:
    def test_saving_writes_what_the_reader_reads_and_always_the_same_bytes(self, edit, tmp_path):
        path = tmp_path / "layout.yaml"
        editor = edit(path)
        state = editor.ask("state")
        assert (state["revision"], state["rewritten"]) == ("", False)
        saved = editor.ask("save", {"layout": LAYOUT, "revision": ""})
        boxes = (Box(16, 16, 64, 80), Box(96, 64, 144, 128))
        expected = Layout(192, 160, tuple(Instance("dog", box) for box in boxes), "2 dogs on green ground")
        assert read_yaml(path).layout == expected
        write_yaml(tmp_path / "other.yaml", expected)
        content = path.read_bytes()
        assert content == (tmp_path / "other.yaml").read_bytes()
        state = editor.ask("state")
        assert state["layout"] == LAYOUT and not state["rewritten"]
        assert state["revision"] == saved["revision"]
        editor.ask("save", {"layout": state["layout"], "revision": state["revision"]})
        assert path.read_bytes() == content

    def test_two_tabs_do_not_lose_each_others_work(self, edit, tmp_path):
        path = tmp_path / "layout.yaml"
        editor = edit(path)
        first, second = editor.ask("state")["revision"], editor.ask("state")["revision"]
        editor.ask("save", {"layout": LAYOUT, "revision": first})
        other = LAYOUT | {"prompt": "mine"}
        refused = editor.ask("save", {"layout": other, "revision": second}, 409)
        assert refused["message"] == "layout.yaml has changed since it was opened here"
        assert read_yaml(path).layout.prompt == "2 dogs on green ground"
        now = editor.ask("state")["revision"]
        path.write_text(HAND_WRITTEN)  # another program
        editor.ask("save", {"layout": other, "revision": now}, 409)
        assert path.read_text() == HAND_WRITTEN
        editor.ask("save", {"layout": other, "revision": now, "replace": True})
        assert read_yaml(path).layout.prompt == "mine"

    def test_tabs_that_save_at_once_do_not_both_win(self, edit, tmp_path):
        editor = edit(tmp_path / "layout.yaml")
        statuses = []

        def save(number):
            content = {"layout": LAYOUT | {"prompt": str(number)}, "revision": ""}
            statuses.append(editor.send("/api/save", content)[0])

        threads = [threading.Thread(target=save, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200] + [409] * 5

    def test_a_file_written_by_hand_is_known_as_such(self, edit, tmp_path):
        path = tmp_path / "layout.yaml"
        path.write_text(HAND_WRITTEN)
        state = edit(path).ask("state")
        assert state["rewritten"] and path.read_text() == HAND_WRITTEN
        assert [one["label"] for one in state["layout"]["instances"]] == ["dog", "cat"]

    def test_another_name_is_a_file_beside_it(self, edit, tmp_path):
        editor = edit(folder=tmp_path)
        message = editor.ask("save", {"layout": LAYOUT, "revision": ""}, 400)["message"]
        assert "save it under a name" in message
        saved = editor.ask("save", {"layout": LAYOUT, "revision": "", "name": "my dogs"})
        assert saved["file"] == str(tmp_path / "my dogs.yaml") and saved["suggested"] == "my dogs.yaml"
        (tmp_path / "there.yaml").write_text(HAND_WRITTEN)
        editor.ask("save", {"layout": LAYOUT, "revision": saved["revision"], "name": "there.yaml"}, 409)
        assert (tmp_path / "there.yaml").read_text() == HAND_WRITTEN

    @pytest.mark.parametrize("name", ["../x", "/etc/x", "", " ", ".hidden", "a/b", "a\nb", "..", "\x00"])
    def test_a_name_cannot_lead_elsewhere(self, edit, tmp_path, name):
        editor = edit(folder=tmp_path)
        message = editor.ask("save", {"layout": LAYOUT, "revision": "", "name": name}, 400)["message"]
        assert "is no name of a file in" in message
        assert list(tmp_path.iterdir()) == []

    def test_a_broken_layout_is_refused_in_words(self, edit, tmp_path):
        editor = edit(tmp_path / "layout.yaml")
        broken = LAYOUT | {"instances": [{"label": "dog", "xyxy": [16, 16, 8, 80]}]}
        message = editor.ask("save", {"layout": broken, "revision": ""}, 400)["message"]
        assert "instances[0]" in message and "inverted or empty" in message
        for nonsense in ([], "x", 7, {"layout": None, "revision": 3}, {"layout": LAYOUT}):
            assert editor.send("/api/save", nonsense)[0] == 400
        assert list(tmp_path.iterdir()) == []


class TestBoxesFromElsewhere:
    def test_a_coco_document(self, edit, coco):
        _, file = coco([("a.png", 80, 60), ("b.png", 64, 64)], [(1, "dog", [4.0, 5, 20, 30])])
        answer = edit().ask("read", {"text": file.read_text(), "width": 192, "height": 192})
        assert [one["canvas"] for one in answer["layouts"]] == [
            {"width": 80, "height": 60},
            {"width": 64, "height": 64},
        ]
        assert answer["layouts"][0]["instances"] == [{"label": "dog", "xyxy": [4, 5, 24, 35]}]

    def test_bare_annotations_take_the_canvas_that_is_there(self, edit):
        text = '[{"category_id": 18, "bbox": [4, 5, 20, 30]}, {"category_id": 7, "bbox": [1, 1, 9, 9]}]'
        (one,) = edit().ask("read", {"text": text, "width": 192, "height": 160})["layouts"]
        assert one == {
            "canvas": {"width": 192, "height": 160},
            "instances": [
                {"label": "dog", "xyxy": [4, 5, 24, 35]},
                {"label": "train", "xyxy": [1, 1, 10, 10]},
            ],
        }

    def test_boxes_that_were_copied_here(self, edit):
        assert edit().ask("read", {"text": json.dumps(LAYOUT, indent=1)})["layouts"] == [LAYOUT]

    def test_a_layout_file(self, edit):
        (one,) = edit().ask("read", {"text": HAND_WRITTEN})["layouts"]
        assert one["canvas"] == {"width": 192, "height": 160} and len(one["instances"]) == 2

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (" ", "the pasted text: is empty"),
            ("{]", "the pasted text: "),
            ('{"images": [], "annotations": [], "categories": []}', "holds no image"),
            ('[{"category_id": 18}]', "bbox"),
            ("canvas: {width: 10}", "height"),
        ],
    )
    def test_what_is_no_layout_is_said_without_a_file_nobody_knows(self, edit, text, message):
        said = edit().ask("read", {"text": text}, 400)["message"]
        assert message in said and "/tmp" not in said


class TestGroups:
    def test_so_many_boxes_are_scattered_in_the_region_clear_of_others(self, edit):
        wanted = {"layout": LAYOUT, "region": [60, 10, 190, 150], "label": "cat", "count": 4, "seed": 1}
        editor = edit()
        found = editor.ask("scatter", wanted)["instances"]
        boxes = [Box(*one["xyxy"]) for one in found] + [Box(16, 16, 64, 80), Box(96, 64, 144, 128)]
        assert [one["label"] for one in found] == ["cat"] * 4
        assert all(b.x0 >= 60 and b.y0 >= 10 and b.x1 <= 190 and b.y1 <= 150 for b in boxes[:4])
        assert not [1 for k, a in enumerate(boxes) for b in boxes[:k] if a.intersection(b) > 0]
        assert all(edge % 8 == 0 for one in found for edge in one["xyxy"])  # the model's grid
        assert editor.ask("scatter", wanted)["instances"] == found
        assert editor.ask("scatter", wanted | {"seed": 2})["instances"] != found

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"count": 500}, "do not fit here"),
            ({"count": 0}, "between 1 and 2,000"),
            ({"region": [300, 300, 400, 400]}, "outside the canvas"),
            ({"region": [1, 1, 5, 5]}, "too small"),
            ({"region": "all"}, "x0, y0, x1, y1"),
            ({"count": "many"}, "must be a whole number"),
        ],
    )
    def test_what_does_not_fit_is_said(self, edit, change, message):
        wanted = {"layout": LAYOUT, "region": [60, 10, 190, 150], "label": "cat", "count": 4} | change
        assert message in edit().ask("scatter", wanted, 400)["message"]


class TestPainting:
    def test_a_picture_is_that_of_sample_and_can_be_made_again(self, edit, tmp_path):
        from typer.testing import CliRunner

        from layoutgen.cli import app

        path = tmp_path / "two.yaml"
        editor = edit(path)
        editor.ask("save", {"layout": LAYOUT, "revision": ""})
        settings = {"steps": 3, "seed": 5}
        events = editor.lines({"layout": LAYOUT, "settings": settings, "count": 2, "preview_every": 2})
        assert [one["kind"] for one in events] == [*["step"] * 3, "picture", *["step"] * 3, "picture", "end"]
        assert [one["step"] for one in events if one["kind"] == "step"] == [1, 2, 3] * 2
        previews = [one["preview"] for one in events if one["kind"] == "step"]
        assert [preview is not None for preview in previews] == [False, True, False] * 2
        assert previews[1].startswith("data:image/jpeg;base64,")
        pictures = [one for one in events if one["kind"] == "picture"]
        assert [one["seed"] for one in pictures] == [5, 6]
        arguments = ["sample", path, "--steps", 3, "--seed", 5, "--num-images", 2, "--device", "cpu"]
        arguments += ["--dtype", "fp32", "--batch-size", 2, "-o", tmp_path / "out", "-q"]
        done = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        for one in pictures:
            status, content = editor.send(f"/api/picture/{one['picture']}")
            assert status == 200
            (tmp_path / "got.png").write_bytes(content)
            sampled = tmp_path / "out" / "images" / f"two_{one['seed']}.png"
            assert read_png(tmp_path / "got.png") == read_png(sampled)
            with Image.open(io.BytesIO(content)) as got, Image.open(sampled) as expected:
                difference = np.abs(np.asarray(got, float) - np.asarray(expected, float))
            assert difference.max() <= 2  # batches are rounded otherwise

    def test_it_can_be_cancelled(self, edit, painter):
        editor = edit()
        layout = Layout(192, 160, (Instance("dog", Box(16, 16, 64, 80)),))
        from layoutgen.denoising.settings import SampleSettings

        seen = []
        for event in painter.paint(layout, SampleSettings(steps=50), count=3):
            seen.append(event)
            if len(seen) == 2:
                busy = editor.lines({"layout": LAYOUT, "settings": {"steps": 1}})
                assert "another picture is being painted" in busy[0]["message"]
                editor.ask("cancel")
        assert [type(one) for one in seen] == [Progress, Progress]
        (one,) = [
            e for e in editor.lines({"layout": LAYOUT, "settings": {"steps": 1}}) if e["kind"] == "picture"
        ]
        assert one["seed"] == 0  # the next one is painted as ever

    def test_a_page_that_goes_away_stops_its_painting(self, edit):
        editor = edit()
        content = json.dumps({"layout": LAYOUT, "settings": {"steps": 900}}).encode()
        head = f"POST /api/generate HTTP/1.1\r\nHost: 127.0.0.1:{editor.access.port}\r\n"
        head += f"X-Layoutgen-Token: {editor.access.token}\r\nContent-Length: {len(content)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", editor.access.port)) as connection:
            connection.sendall(head.encode() + content)
            received = b""
            while b'"kind": "step"' not in received:
                received += connection.recv(65536)
        for _ in range(100):
            events = editor.lines({"layout": LAYOUT, "settings": {"steps": 1}})
            if events[0]["kind"] != "error":
                break
            time.sleep(0.1)
        assert [event["kind"] for event in events] == ["step", "picture", "end"]

    def test_evaluation_says_what_became_of_each_box(self, edit):
        editor = edit()
        events = editor.lines({"layout": LAYOUT, "settings": {"steps": 8, "seed": 0}})
        (picture,) = [one["picture"] for one in events if one["kind"] == "picture"]
        boxes = editor.ask("evaluate", {"picture": picture})["boxes"]
        assert [one["xyxy"] for one in boxes[:2]] == [[16, 16, 64, 80], [96, 64, 144, 128]]
        known = {"matched", "missed", "misplaced", "mislabelled", "extra", "duplicate"}
        assert {one["outcome"] for one in boxes} <= known
        assert all((one["outcome"] == "missed") == (one["score"] is None) for one in boxes)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"settings": {"steps": 0}}, "at least 1"),
            ({"settings": {"steps": "many"}}, "must be a number"),
            ({"settings": {"model": "/etc"}}, "settings are some of"),
            ({"settings": {"seed": -1}}, "0 or more"),
            ({"count": 99}, "between 1 and 8 variations"),
            ({"layout": LAYOUT | {"instances": [{"label": "zebra", "xyxy": [1, 1, 50, 50]}]}}, "not learnt"),
        ],
    )
    def test_what_cannot_be_painted_is_said(self, edit, change, message):
        status, body = edit().send("/api/generate", {"layout": LAYOUT, "settings": {"steps": 1}} | change)
        assert message in body.decode() and status in (200, 400)
        assert b'"kind": "picture"' not in body

    def test_pictures_are_forgotten_in_the_end(self, edit):
        assert "not kept any more" in edit().ask("evaluate", {"picture": 12345}, 400)["message"]
        assert edit().send("/api/picture/12345")[0] == 400


def test_torch_is_not_loaded_before_a_picture_is_wanted():
    import subprocess
    import sys

    program = (
        "import sys\n"
        "import layoutgen.design.serve, layoutgen.cli.design\n"
        "from layoutgen.design.document import Document\n"
        "from layoutgen.design.evaluator import PictureEvaluator\n"
        "from layoutgen.design.painter import Painter\n"
        "from layoutgen.domain.layout import Layout\n"
        "from layoutgen.model_info import find_model\n"
        "Painter(find_model(None)), PictureEvaluator(), Document(None, Layout(8, 8)).read()\n"
        "assert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
