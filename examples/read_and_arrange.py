"""Read a layout file, ask for 40 dogs in all, write it back: python examples/read_and_arrange.py OUT."""

import sys
from pathlib import Path

from layoutgen.domain.requests import arrange_request
from layoutgen.formats import read_layouts
from layoutgen.formats.layout_file import write_yaml

FILE = Path(__file__).parents[1] / "sample_layouts" / "dogs_and_cats.yaml"

output = Path(sys.argv[1])
output.mkdir(parents=True, exist_ok=True)

(request,) = read_layouts(FILE)
layout = arrange_request(request, [(40, "dogs")], seed=7)
write_yaml(output / "40_dogs.yaml", layout)
dogs = sum(instance.label == "dog" for instance in layout.instances)
print(f"{dogs} dogs and {len(layout.instances) - dogs} others: {output / '40_dogs.yaml'}")
