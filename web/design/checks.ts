/** What the model cannot draw well, said while it is being drawn. */
import type { Model } from "./api";
import { type Box, height, type Layout, width } from "./layout";

const ODD = 1.6; // times wider or taller than what the model draws well
const COVERED = 0.6;
const MOST_COMPARED = 400;

/** For each box with something to say about it, by its number, what. */
export function warnings(layout: Layout, model: Model): Map<number, string[]> {
  const found = new Map<number, string[]>();
  const say = (box: Box, text: string) => found.set(box.id, [...(found.get(box.id) ?? []), text]);
  for (const box of layout.boxes) {
    const long = Math.max(width(box), height(box));
    const ratio = width(box) / height(box);
    if (model.labels && !model.labels.includes(box.label)) {
      say(box, `the model has not learnt "${box.label}", only ${model.labels.join(", ")}`);
    }
    if (long < model.smallest)
      say(box, `${long} px is small: below ${model.smallest} px the model draws nothing to be seen`);
    if (model.largest !== null && long > 1.5 * model.largest) {
      say(box, `${long} px is large: the model draws well up to about ${model.largest} px`);
    }
    if (ratio < model.aspect[0] / ODD) say(box, "narrow: the model has seen few objects of such a shape");
    if (ratio > model.aspect[1] * ODD) say(box, "wide: the model has seen few objects of such a shape");
  }
  if (layout.boxes.length <= MOST_COMPARED) covered(layout.boxes, say);
  return found;
}

function covered(boxes: readonly Box[], say: (box: Box, text: string) => void): void {
  boxes.forEach((box, at) => {
    const over = boxes.find((other, place) => place > at && share(box, other) > COVERED);
    if (over) say(box, `mostly under a ${over.label}: one of the two may be missing`);
  });
}

/** How much of `box` is under `other`. */
function share(box: Box, other: Box): number {
  const across = Math.min(box.x1, other.x1) - Math.max(box.x0, other.x0);
  const down = Math.min(box.y1, other.y1) - Math.max(box.y0, other.y0);
  return across > 0 && down > 0 ? (across * down) / (width(box) * height(box)) : 0;
}
