/** Which pictures are shown, in which order, and which of their boxes. */
import { type Box, isAsked, longerSide, type Picture } from "./data";

export type Order = "file" | "worst" | "best" | "most" | "name" | "worse";

export interface Filter {
  text: string;
  /** Only boxes of these labels; empty: of any. */
  labels: ReadonlySet<number>;
  /** Only boxes of which this became; empty: anything. */
  outcomes: ReadonlySet<number>;
  /** Of the longer side, in pixels. */
  smallest: number | null;
  largest: number | null;
  /** How many objects were asked for. */
  fewest: number | null;
  most: number | null;
}

export const EVERYTHING: Filter = {
  text: "",
  labels: new Set(),
  outcomes: new Set(),
  smallest: null,
  largest: null,
  fewest: null,
  most: null,
};

export function picksBoxes(filter: Filter): boolean {
  return filter.labels.size > 0 || filter.outcomes.size > 0 || filter.smallest !== null || filter.largest !== null;
}

/** Whether all that is asked of a box is true of this one. */
export function picks(filter: Filter, box: Box): boolean {
  if (filter.labels.size && !filter.labels.has(box.label) && !(box.found && filter.labels.has(box.found.label))) {
    return false;
  }
  if (filter.outcomes.size && !filter.outcomes.has(box.outcome)) return false;
  const side = longerSide(box);
  return side >= (filter.smallest ?? 0) && side <= (filter.largest ?? Infinity);
}

export function shows(filter: Filter, picture: Picture): boolean {
  if (filter.text && !`${picture.name} ${picture.prompt}`.toLowerCase().includes(filter.text.toLowerCase())) {
    return false;
  }
  if (filter.fewest !== null || filter.most !== null) {
    const asked = picture.boxes.filter(isAsked).length;
    if (asked < (filter.fewest ?? 0) || asked > (filter.most ?? Infinity)) return false;
  }
  return !picksBoxes(filter) || picture.boxes.some((box) => picks(filter, box));
}

const ORDERS: Record<Order, (a: Picture, b: Picture) => number> = {
  file: (a, b) => a.index - b.index,
  worst: (a, b) => b.errors - a.errors || a.index - b.index,
  best: (a, b) => a.errors - b.errors || a.index - b.index,
  most: (a, b) => b.boxes.length - a.boxes.length || a.index - b.index,
  name: (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  worse: (a, b) => worse(b) - worse(a) || a.index - b.index,
};

/** By how many errors a picture is worse than that of the other run. */
function worse(picture: Picture): number {
  return picture.errors - (picture.other?.errors ?? picture.errors);
}

export function select(pictures: readonly Picture[], filter: Filter, order: Order): Picture[] {
  return pictures.filter((picture) => shows(filter, picture)).sort(ORDERS[order]);
}
