"""Files that are no annotations to read, by name: what they are, and what to do instead."""

from __future__ import annotations

from pathlib import Path

from layoutgen.io.json_head import json_head

_COCO = "export it as COCO or YOLO"
_BY_FIELDS = (
    (("canvas", "instances"), "a layout", "it has no image yet: `layoutgen sample` paints it"),
    (("image_id", "caption"), "COCO captions", "give the instances json, and these as its captions"),
    (("image_id", "keypoints", "score"), "COCO keypoint results", "give an instances json"),
    (("image_id", "score"), "COCO results", "give the instances json, and these as its detections"),
    (("detections", "recall"), "a report of `layoutgen evaluate`", "give the samples that it is about"),
    (("cutouts", "backgrounds"), "a recipe for endless scenes", "give it to `layoutgen train`"),
    (("log", "videos", "annotations"), "a video data set", "export its frames"),
    (("videos", "annotations"), "a video data set (YouTube-VIS or TAO)", "export its frames as COCO"),
    (("frames", "openlabel"), "ASAM OpenLABEL", _COCO),
    (("data_row", "projects"), "a Labelbox export", _COCO),
    (("Labeled Data", "Label"), "a Labelbox export", _COCO),
    (("asset", "regions", "boundingBox"), "a VoTT project", "export it as Pascal VOC or CSV from VoTT"),
    (("dataset", "item", "annotations"), "a Darwin (V7) export", _COCO),
    (("segments_info", "categories"), "COCO panoptic annotations", "give the instances json"),
    (("categories", "items", "infos"), "a Datumaro export", _COCO),
    (("type", "features", "geometry"), "GeoJSON", "cut the raster into images, and " + _COCO),
)
_BY_SUFFIX = {
    ".record": ("a TFRecord", _COCO),
    ".tfrecord": ("a TFRecord", _COCO),
    ".arrow": ("a part of a Hugging Face data set", "give the folder that save_to_disk wrote"),
    ".zip": ("an archive", "unpack it"),
    ".tar": ("an archive", "unpack it"),
    ".gz": ("an archive", "unpack it"),
    ".7z": ("an archive", "unpack it"),
    ".rar": ("an archive", "unpack it"),
    ".mat": ("a MATLAB file", _COCO),
    ".txt": ("a text file: one image's labels of YOLO?", "give the folder with data.yaml"),
    ".yaml": ("a layout file, or a yaml without names", "give the annotations"),
    ".yml": ("a layout file, or a yaml without names", "give the annotations"),
    ".xml": ("an XML file of another kind", "give Pascal VOC or CVAT for images"),
    ".csv": ("a table that is not Open Images'", _COCO),
    ".jsonl": ("a jsonl that is not called metadata.jsonl", "rename it, if it is an imagefolder's"),
    ".ndjson": ("a Labelbox or Ultralytics export, line by line", _COCO),
}


def stranger(path: Path) -> tuple[str, str] | None:
    """What the file or folder at `path` looks like, and what to do; None if it looks like nothing known."""
    if path.is_dir():
        return _folder(path)
    head = json_head(path)
    if head is not None and path.suffix.lower() == ".json":
        found = next((row for row in _BY_FIELDS if head.has(*row[0])), None)
        return (f"this looks like {found[1]}", found[2]) if found else None
    known = _BY_SUFFIX.get(path.suffix.lower())
    return (f"this looks like {known[0]}", known[1]) if known else None


def _folder(folder: Path) -> tuple[str, str] | None:
    inside = [path for path in sorted(folder.glob("*")) if path.is_file()]
    for file in inside:
        found = stranger(file)
        if found is not None and file.suffix.lower() not in (".txt", ".yaml", ".yml"):
            return f"holds {file.name}: {found[0]}", found[1]
    if any((folder / name).is_dir() for name in ("labels", "obj_train_data")):
        return (
            "this looks like YOLO without the names of its classes",
            "write a data.yaml with names: [dog, cat]",
        )
    return None
