#!/usr/bin/env bash
# Trains the model that ships in layoutgen/assets, from nothing, on photos of dogs and cats with masks.
#   recipes/embedded_model.sh PETS COCO RUN [images]
# PETS: folder with the photos and one COCO instances json with masks (Oxford-IIIT Pet). COCO: a folder of
# photos with a COCO instances json; its empty parts are backgrounds. Each may also be the json itself.
# The same command again continues the run. On a GPU add --mixed-precision and a larger --batch-size to the
# last command (a new run folder is needed then). The shipped weights saw batches of 16, and of 8 after 16,000 images.
set -euo pipefail
pets=$1 coco=$2 run=$3 images=${4:-1000000}
here=$(cd "$(dirname "$0")" && pwd)
if [ ! -f "$run-scenes/scenes.json" ]; then
    layoutgen prepare scenes "$pets" --backgrounds "$pets" --backgrounds "$coco" -o "$run-scenes" --endless \
        --canvas 320 320 --instances 1 30 --size 32 80 --min-mask-score 0.86 --category dog --category cat
fi
layoutgen train "$run-scenes" -o "$run" --from-scratch "$here/small.yaml" --config "$here/small_train.yaml" \
    --images "$images"
# To ship it: python recipes/embed.py "$run"
