"""`layoutgen design` as a program: its address, its end, its refusals."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request

import pytest


@pytest.fixture
def program(tmp_path):
    """Starts `layoutgen design` with arguments; returns it and its address."""
    running = []

    def start(*arguments):
        words = [sys.executable, "-m", "layoutgen", "design", "--no-browser", *map(str, arguments)]
        done = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(done)
        url = re.search(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}$", done.stdout.readline().strip())
        return done, url[0]

    yield start
    for done in running:
        done.kill()
        done.communicate()


def ask(url, name, content):
    address, _, token = url.partition("?token=")
    headers = {"X-Layoutgen-Token": token}
    request = urllib.request.Request(f"{address}api/{name}", json.dumps(content).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_it_answers_at_the_address_it_says_and_ends_with_control_c(program, tmp_path):
    done, url = program(tmp_path / "new.yaml", "--width", 320, "--height", 200)
    state = ask(url, "state", {})
    assert state["layout"] == {"canvas": {"width": 320, "height": 200}, "instances": []}
    assert state["file"] == str(tmp_path / "new.yaml") and state["model"]["labels"] == ["cat", "dog"]
    done.send_signal(signal.SIGINT)
    assert (done.wait(30), done.stderr.read()) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_changes_that_are_not_saved_are_asked_for_once(program, tmp_path):
    done, url = program()
    ask(url, "unsaved", {"tab": "one", "unsaved": True})
    done.send_signal(signal.SIGINT)
    line = done.stderr.readline()
    assert "changes in the browser are not saved" in line and "press Ctrl-C again" in line
    time.sleep(0.5)
    assert ask(url, "state", {})["file"] is None  # still there
    done.send_signal(signal.SIGINT)
    assert done.wait(30) == 0


def test_what_cannot_be_edited_is_one_line(refused, coco, picture, tmp_path):
    photos, file = coco([("a.png", 64, 64), ("b.png", 64, 64)], [(1, "dog", [4.0, 4, 40, 40])])
    assert "holds 2 layouts: choose one with --image-id" in refused("design", file)
    assert "there is no folder" in refused("design", tmp_path / "nowhere" / "x.yaml")
    assert "holds no layout" in refused("design", photos / "a.png")
    assert "is no model" in refused("design", "--model", photos)
    (tmp_path / "bad.yaml").write_text("canvas: [")
    assert "bad.yaml" in refused("design", tmp_path / "bad.yaml")
    assert "--image-id goes with" in refused("design", tmp_path / "new.yaml", "--image-id", 1)


def test_a_port_that_is_taken_is_one_line(refused):
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        assert f"port {port} cannot be used" in refused("design", "--no-browser", "--port", port)
