"""The examples in the help of each command: the first tries of a newcomer, to be copied."""

from __future__ import annotations

LAYOUTGEN = """
layoutgen sample -n 100 dogs -o out/dogs    # paint 100 dogs at 100 places
layoutgen evaluate out/dogs                 # count those that are there
layoutgen COMMAND --help                    # examples of each command
"""
PREPARE = """
layoutgen prepare coco photos/ instances.json -o data
layoutgen prepare scenes data -o scenes --count 5000
"""
COCO = """
layoutgen prepare coco photos/ instances.json -o data
layoutgen prepare coco photos/ boxes.json -o data --masks grabcut
layoutgen prepare coco yolo_folder -o data --category dog --category cat
"""
SCENES = """
layoutgen prepare scenes data -o scenes --count 5000
layoutgen prepare scenes data -o recipe --endless --backgrounds meadows/
"""
CONVERT = """
layoutgen convert instances.json out/yolo --to yolo
layoutgen convert photos/ a.json b.json out/all --to coco
"""
LAYOUTS = """
layoutgen layouts instances.json -n 1000 -o layouts.json
layoutgen layouts instances.json --objects 2 --size 0.7 -o crowds.json
layoutgen layouts layouts.json --seed 1 -o more.json    # without the data
layoutgen layouts train.json --compare heldout.json     # how like real ones
layoutgen sample layouts.json -o out/painted
"""
AUGMENT = """
layoutgen augment scenes -o out/twice --factor 2
layoutgen augment scenes -o out/twice --dry-run
layoutgen augment data -o out/yolo --to yolo --category dog --missing images
layoutgen augment data -o painted --painted-only --count 500 --model run
"""
INSPECT = """
layoutgen inspect photos/ instances.json
layoutgen inspect data --html -o health.html
"""
TRAIN = """
layoutgen train scenes -o run              # the small model learns them
layoutgen train -o run                     # goes on with it
layoutgen train scenes -o run --dry-run    # hours, disk, what is too small
layoutgen train scenes -o run --model MODEL --method both
"""
DISTILL = """
layoutgen distill run scenes -o run-4 --steps 4
layoutgen sample -n 100 dogs --model run-4
"""
SAMPLE = """
layoutgen sample -n 100 dogs
layoutgen sample layout.yaml -n 12 dogs -n 5 cats -o out/mixed
layoutgen sample layout.yaml --seed 0-15            # 16 images and grid.jpg
layoutgen sample -n 8 dogs --num-images 16 --vary layout --method both
layoutgen sample out/mixed/images/layout_0.png      # the same image again
"""
VISUALIZE = """
layoutgen visualize layout.yaml         # its boxes on a blank canvas
layoutgen visualize out/dogs --html     # one page of all images
layoutgen visualize photos.json --limit 12
"""
EVALUATE = """
layoutgen evaluate out/dogs
layoutgen evaluate out/a --html --compare out/b
layoutgen evaluate --images photos/ --annotations coco.json --detector MODEL
layoutgen evaluate coco.json --detections results.json --json
"""
DESIGN = """
layoutgen design layout.yaml
layoutgen design --width 1024 --height 768 --no-browser
"""
DOCTOR = """
layoutgen doctor
layoutgen doctor --json    # to put into a report of a fault
"""
