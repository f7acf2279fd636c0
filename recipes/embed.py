"""Put the averaged weights of a training run into the package, in fp16: python recipes/embed.py RUN."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import torch

from layoutgen.assets import MODEL
from layoutgen.pipeline import LayoutPipeline

SAMPLING = {
    "steps": 12,
    "guidance": 5.0,
    "background_guidance": 2.0,
    "coarse_above": 64.0,
    "cache_interval": 2,
}
"""What the model in the package paints best with; recipes/LOG.md, 13."""

pipeline = LayoutPipeline.from_pretrained(Path(sys.argv[1]) / "model", torch_dtype=torch.float16)
pipeline.register_to_config(sampling=SAMPLING)
aside = MODEL.with_name("model.partial")
shutil.rmtree(aside, ignore_errors=True)
pipeline.save_pretrained(aside)
for file in aside.rglob("*.json"):  # diffusers notes where a part was loaded from: a path of this machine
    content = json.loads(file.read_text(encoding="utf-8"))
    if content.pop("_name_or_path", None) is not None:
        file.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
shutil.rmtree(MODEL, ignore_errors=True)
aside.rename(MODEL)
print(f"{MODEL}: {sum(file.stat().st_size for file in MODEL.rglob('*') if file.is_file()) / 1e6:.1f} MB")
