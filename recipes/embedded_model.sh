#!/usr/bin/env bash
# Trains the model that ships in layoutgen/assets, from nothing, on photos of dogs and cats with masks.
#   recipes/embedded_model.sh PETS COCO RUN [images]
# PETS: folder with the photos and one COCO instances json with masks (Oxford-IIIT Pet). COCO: a folder of
# photos with a COCO instances json; its empty parts are backgrounds. Each may also be the json itself.
# images: crops that the painter is shown (stage 2), where nearly all of the time goes; more is better.
# The same command again continues where it was stopped. On a GPU: OPTIONS="--batch-size 256" (a new run folder
# is needed then; add --mixed-precision fp16 there, or no on a CPU without bf16). LOG.md tells how the shipped
# weights came to be.
set -euo pipefail
pets=$1 coco=$2 run=$3 images=${4:-4000000}
here=$(cd "$(dirname "$0")" && pwd)
read -ra options <<< "${OPTIONS:-}"

# FOLDER SIDE FEWEST MOST: endless scenes, a little larger than what is trained on. Some hold few objects, so that
# the ground around them is learnt, too.
scenes() {
    [ -f "$1/scenes.json" ] || layoutgen prepare scenes "$pets" --backgrounds "$pets" --backgrounds "$coco" \
        -o "$1" --endless --canvas "$2" "$2" --instances "$3" "$4" --size 38 58 --grid 8 --aspect 0.45 0.95 \
        --stretch 0.1 --min-mask-score 0.88 --category dog --category cat --even-labels
}
scenes "$run-windows" 208 1 26
scenes "$run-crops" 112 1 7

# 1. The autoencoder, and a first notion of boxes on whole windows.
layoutgen train "$run-windows" -o "$run-1" --from-scratch --config "$here/small_windows.yaml" \
    --images 12000 "${options[@]}"
# 2. Painting: small crops, so that a step sees many noise levels.
layoutgen train "$run-crops" -o "$run-2" --model "$run-1" --config "$here/small_crops.yaml" \
    --images "$images" "${options[@]}"
# 3. Whole windows again; the learning rate falls to zero.
layoutgen train "$run-windows" -o "$run-3" --model "$run-2" --config "$here/small_windows.yaml" \
    --batch-size 4 --learning-rate 6e-4 --schedule linear --images 24000 "${options[@]}"
# 4. A decoder without a grid (pip install -c constraints.txt ".[features]").
python "$here/decoder.py" "$run-crops" "$run-3/model" "$run-4/model"
# To ship it: python recipes/embed.py "$run-4"
