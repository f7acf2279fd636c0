"""Masks of large files are on disk, and read as those in memory."""

from __future__ import annotations

import json
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from layoutgen.formats import stored_masks
from layoutgen.formats.coco import read_coco
from layoutgen.formats.masks import decode_segmentation, encode_mask
from layoutgen.formats.read_options import ReadOptions
from layoutgen.formats.stored_masks import StoredMasks
from tests.formats.data_sets import SIZE, example, read, written_as


def runs(seed, shape=(9, 7)):
    return encode_mask(np.random.default_rng(seed).random(shape) > 0.5)


@pytest.mark.parametrize("in_memory", [1, 2**20])
def test_what_is_stored_is_read_by_many_threads_as_it_was(monkeypatch, in_memory):
    monkeypatch.setattr(stored_masks, "_IN_MEMORY", in_memory)
    masks, given = StoredMasks(), [runs(seed) for seed in range(50)]
    stored = [masks.add(one) for one in given]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(dict, stored)) == given
    assert stored == given
    assert stored[0] != given[1]


@pytest.mark.parametrize("name", ["coco", "huggingface"])
def test_stored_masks_are_written_like_others(tmp_path, name):
    stored = read(written_as("coco", example(), tmp_path), run_lengths=True)
    assert isinstance(stored.images[1].masks[0].segmentation, stored_masks.StoredRuns)
    again = read(written_as(name, stored, tmp_path / "again"))
    pixels = decode_segmentation(again.images[1].masks[0].segmentation, *SIZE[::-1])
    assert pixels[10:40, 10:40].all()
    assert pixels.sum() == 900


def test_masks_of_a_large_file_take_little_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_masks, "_IN_MEMORY", 1)
    count, side = 200, 200
    counts = runs(0, (side, side))["counts"]
    assert len(counts) > 10_000
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": side, "height": side}],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [
            {"id": k, "image_id": 1, "category_id": 1, "bbox": [k % 100, 5, 9, 9]}
            | {"segmentation": {"size": [side, side], "counts": counts}}
            for k in range(1, count + 1)
        ],
    }
    path = tmp_path / "large.json"
    path.write_text(json.dumps(content))
    monkeypatch.setattr("layoutgen.io.large_json._LARGE", 1)
    tracemalloc.start()
    try:
        image = read_coco(path, options=ReadOptions(masks=True, run_lengths=True)).images[0]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert image.masks[-1].segmentation["counts"] == counts
    assert peak < count * len(counts) / 2
