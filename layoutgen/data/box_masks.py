"""Masks made from boxes, for data sets without: each with a score to choose by, and a sheet to look at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from layoutgen.domain.annotated_image import AnnotatedImage, Mask
from layoutgen.domain.layout import Box
from layoutgen.drawing.contact_sheet import contact_sheet
from layoutgen.errors import InvalidOption
from layoutgen.formats.masks import decode_segmentation, encode_mask
from layoutgen.hub import check_hub_model
from layoutgen.io.images import save_drawing
from layoutgen.model_files import SAFE, check_model_files
from layoutgen.numerics import check_finite

GRABCUT = "grabcut"
SHEET_LIMIT = 100
"""How many cut-outs a contact sheet shows at most."""

Pixels = npt.NDArray[np.bool_]
_LARGEST = 320  # pixels of the longer side that are cut at once: GrabCut's time grows fast
_TILE, _SHEET_MEMORY = 128, 2000  # pixels of a side; cut-outs that are kept to choose from
_GROUND = (40, 170, 90)  # a green that is no colour of an animal: what is cut badly shows


@dataclass(frozen=True, slots=True)
class BoxMask:
    """The pixels (H, W) of the object in a box, and how good they probably are, in [0, 1]."""

    pixels: Pixels
    score: float


class BoxMasker(ABC):
    """Finds the object in each box of a photo."""

    @abstractmethod
    def masks(self, photo: Image.Image, boxes: Sequence[Box]) -> list[BoxMask]:
        """A mask of the size of `photo` (RGB) for each of the `boxes`, which lie inside it."""


class GrabCut(BoxMasker):
    """GrabCut (Rother, Kolmogorov, Blake, 2004): colours inside the box against those around it.

    A mask is cut twice, the second time from a box a little larger. The score is how much both agree (IoU),
    times how well the mask fills its box (IoU of the box around the mask with the box).
    """

    def __init__(self, *, rounds: int = 5, margin: float = 0.5, outset: float = 0.06) -> None:
        import cv2

        self._cv2, self._rounds, self._margin, self._outset = cv2, rounds, margin, outset

    def masks(self, photo: Image.Image, boxes: Sequence[Box]) -> list[BoxMask]:
        """See :class:`BoxMasker`."""
        pixels = np.ascontiguousarray(np.asarray(photo.convert("RGB"))[..., ::-1])
        return [self._mask(pixels, box) for box in boxes]

    def _mask(self, pixels: npt.NDArray[np.uint8], box: Box) -> BoxMask:
        height, width = pixels.shape[:2]
        # Only what surrounds the box tells ground from object, and the time grows with what is looked at.
        out_x, out_y = box.width * self._margin + 2, box.height * self._margin + 2
        left, top = max(int(box.x0 - out_x), 0), max(int(box.y0 - out_y), 0)
        right, bottom = min(int(box.x1 + out_x) + 1, width), min(int(box.y1 + out_y) + 1, height)
        part, inside = pixels[top:bottom, left:right], box.shift(-left, -top)
        scale = min(_LARGEST / max(part.shape[:2]), 1.0)
        if scale < 1:
            side = max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1)
            part = self._cv2.resize(part, side, interpolation=self._cv2.INTER_AREA)
            inside = inside.scale(part.shape[1] / (right - left), part.shape[0] / (bottom - top))
        grow_x, grow_y = inside.width * self._outset + 1, inside.height * self._outset + 1
        larger = Box(inside.x0 - grow_x, inside.y0 - grow_y, inside.x1 + grow_x, inside.y1 + grow_y)
        first, second = self._cut(part, inside), self._cut(part, larger)
        whole = np.zeros((height, width), dtype=bool)
        picture = Image.fromarray(first.astype(np.uint8) * 255).resize((right - left, bottom - top))
        whole[top:bottom, left:right] = np.asarray(picture) > 127
        return BoxMask(whole, agreement(first, second) * fill(first, inside))

    def _cut(self, part: npt.NDArray[np.uint8], box: Box) -> Pixels:
        height, width = part.shape[:2]
        x0, y0 = max(round(box.x0), 0), max(round(box.y0), 0)
        x1, y1 = min(max(round(box.x1), x0 + 1), width), min(max(round(box.y1), y0 + 1), height)
        found = np.zeros((height, width), np.uint8)
        found[y0:y1, x0:x1] = self._cv2.GC_PR_FGD
        inside: Pixels = found == self._cv2.GC_PR_FGD
        if inside.all() or min(x1 - x0, y1 - y0) < 3:
            return inside  # no ground to learn from, or nothing to cut
        models = np.zeros((1, 65), np.float64), np.zeros((1, 65), np.float64)
        self._cv2.setRNGSeed(0)  # of its clustering: the same photo, the same mask
        try:
            self._cv2.grabCut(part, found, None, *models, self._rounds, self._cv2.GC_INIT_WITH_MASK)
        except self._cv2.error:  # one colour only
            return inside
        cut: Pixels = inside & np.isin(found, (self._cv2.GC_FGD, self._cv2.GC_PR_FGD))
        return cut


class SegmentAnything(BoxMasker):
    """Any model of transformers that finds masks for boxes: SAM, SAM-HQ, SAM 2, EdgeTAM, SAM 3's tracker.

    The score is the IoU that the model itself predicts.
    """

    def __init__(self, model: Any, processor: Any, device: str = "cpu", *, batch: int = 32) -> None:
        self._model, self._processor, self._device, self._batch = model, processor, device, batch
        self._lock = Lock()  # a batch fills the memory: threads that read photos come one after the other

    @classmethod
    def load(cls, name: str, device: str = "cpu") -> SegmentAnything:
        """The checkpoint in a folder, or of a hub id.

        Raises:
            InvalidOption: it cannot be loaded, or is no such model.
        """
        from transformers import AutoModelForMaskGeneration, AutoProcessor

        if Path(name).is_dir():
            check_model_files(Path(name))
        try:
            model = AutoModelForMaskGeneration.from_pretrained(name, **SAFE)
            processor = AutoProcessor.from_pretrained(name, trust_remote_code=False)
        except (OSError, ValueError, KeyError, ImportError) as error:  # SAM 2 needs torchvision
            reason = " ".join(str(error).split())[:200]
            raise InvalidOption(
                f"masks {name}: no SAM or SAM 2 checkpoint of transformers can be loaded from it ({reason}); "
                f"give a folder or a hub id such as facebook/sam2.1-hiera-tiny, or {GRABCUT}"
            ) from None
        return cls(model.to(device).eval(), processor, device)

    def masks(self, photo: Image.Image, boxes: Sequence[Box]) -> list[BoxMask]:
        """See :class:`BoxMasker`."""
        found: list[BoxMask] = []
        with self._lock:
            for start in range(0, len(boxes), self._batch):
                found += self._some(photo, boxes[start : start + self._batch])
        return found

    def _some(self, photo: Image.Image, boxes: Sequence[Box]) -> list[BoxMask]:
        import torch

        corners = [[list(box.xyxy) for box in boxes]]
        inputs = self._processor(images=photo, input_boxes=corners, return_tensors="pt").to(self._device)
        # Corners are prepared in double precision, which not every device has and no weight wants.
        inputs = {k: v.float() if v.is_floating_point() else v for k, v in inputs.items()}
        sizes = {k: inputs.pop(k) for k in ("original_sizes", "reshaped_input_sizes") if k in inputs}
        with torch.inference_mode():
            outputs = self._model(**inputs, multimask_output=False)
        check_finite(outputs.pred_masks, "the model of masks")
        (masks,) = self._processor.post_process_masks(outputs.pred_masks.cpu(), **sizes)
        scores = outputs.iou_scores[0, :, 0].float().cpu().clamp(0, 1)
        return [BoxMask(m[0].numpy().astype(bool), float(s)) for m, s in zip(masks, scores, strict=True)]


def load_masker(name: str, device: str = "cpu") -> BoxMasker:
    """``grabcut``, or a SAM checkpoint: a folder or a hub id.

    Raises:
        InvalidOption: it cannot be loaded.
    """
    if name != GRABCUT:
        check_hub_model(name, "masks")
        return SegmentAnything.load(name, device)
    if find_spec("cv2") is None:
        remedy = 'pip install -c constraints.txt ".[masks]"'
        raise InvalidOption(f"masks {name}: OpenCV is not installed; {remedy}, or give a SAM checkpoint")
    return GrabCut()


def add_masks(image: AnnotatedImage, photo: Image.Image, masker: BoxMasker) -> AnnotatedImage:
    """`image` with a mask for each instance that has none and shows in the image."""
    boxes = [one.box.clip(*image.size) for one in image.instances]
    masks = [image.mask_of(index) for index in range(len(boxes))]
    missing = [k for k, (box, mask) in enumerate(zip(boxes, masks, strict=True)) if box and not mask]
    found = masker.masks(photo, [box for k in missing if (box := boxes[k]) is not None])
    for index, one in zip(missing, found, strict=True):
        if one.pixels.any():
            masks[index] = Mask(encode_mask(one.pixels), round(one.score, 4))
    return replace(image, masks=tuple(masks) if any(masks) else ())


def agreement(one: Pixels, other: Pixels) -> float:
    """Intersection over union of two masks; 0 of two empty ones."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 0.0


def fill(mask: Pixels, box: Box) -> float:
    """Intersection over union of the box around `mask` with `box`."""
    ys, xs = np.nonzero(mask)
    if not len(xs):
        return 0.0
    around = Box(float(xs.min()), float(ys.min()), float(xs.max()) + 1, float(ys.max()) + 1)
    return around.iou(box)


def cutout(photo: Image.Image, image: AnnotatedImage, index: int) -> tuple[Image.Image, str] | None:
    """Instance number `index` alone on a plain ground, with its score and label; None if it has no mask."""
    mask, box = image.mask_of(index), image.instances[index].box.clip(*image.size)
    if mask is None or box is None:
        return None
    pixels = decode_segmentation(mask.segmentation, *image.size[::-1])
    ground = Image.new("RGB", photo.size, _GROUND)
    shown = Image.composite(photo, ground, Image.fromarray(pixels.astype(np.uint8) * 255))
    part = shown.crop((int(box.x0), int(box.y0), int(box.x1) + 1, int(box.y1) + 1))
    return part, f"{mask.score:.2f} {image.instances[index].label}"


class MasksSheet:
    """Collects cut-outs as images are done, by any thread, for one page: lowest score first.

    Of more than fit, evenly spaced ones by score are shown; of more than `_SHEET_MEMORY`, the first of these.
    """

    def __init__(self) -> None:
        self._cutouts: list[tuple[float, Image.Image, str]] = []

    def add(self, image: AnnotatedImage, photo: Image.Image) -> None:
        """Take the masked objects of `image`, which `photo` shows."""
        for index, mask in enumerate(image.masks):
            if mask is None or len(self._cutouts) >= _SHEET_MEMORY:
                continue
            found = cutout(photo, image, index)
            if found is not None:
                part, caption = found
                part.thumbnail((_TILE, _TILE))
                self._cutouts.append((mask.score, part, caption))

    def page(self) -> Image.Image | None:
        """The page; None if there is nothing to show."""
        ordered = sorted(self._cutouts, key=lambda one: (one[0], one[2]))
        if not ordered:
            return None
        step = max(len(ordered) / SHEET_LIMIT, 1.0)
        chosen = [ordered[int(index * step)] for index in range(min(len(ordered), SHEET_LIMIT))]
        return contact_sheet([one[1] for one in chosen], [one[2] for one in chosen], tile=_TILE)

    def write(self, path: Path) -> None:
        """Write the page, if there is something to show."""
        page = self.page()
        if page is not None:
            save_drawing(page, path)
