import { computed, signal } from "@preact/signals";
import { OUTCOME_COLOURS } from "../shared/outcomes";
import { type Box, evaluated, labels, outcomes, pictures } from "./data";
import { EVERYTHING, type Filter, type Order, picks, picksBoxes, select } from "./filter";

export type Colouring = "label" | "outcome";

export const filter = signal<Filter>(EVERYTHING);
export const order = signal<Order>(evaluated ? "worst" : "file");
export const hiddenLabels = signal<ReadonlySet<number>>(new Set());
export const boxesShown = signal(true);
export const colouring = signal<Colouring>(evaluated ? "outcome" : "label");
export const tileSide = signal(220);
/** The picture that is looked at, by its place in `shown`; null: none. */
export const opened = signal<number | null>(null);
export const panelOpen = signal(false);

export const shown = computed(() => select(pictures, filter.value, order.value));

export const isFiltered = computed(() => filter.value !== EVERYTHING);

export function change(part: Partial<Filter>): void {
  const next = { ...filter.value, ...part };
  const empty = !picksBoxes(next) && !next.text && next.fewest === null && next.most === null;
  filter.value = empty ? EVERYTHING : next;
}

export function toggled<T>(set: ReadonlySet<T>, value: T): Set<T> {
  const next = new Set(set);
  if (!next.delete(value)) next.add(value);
  return next;
}

/** The boxes of a picture that are drawn. */
export function drawn(boxes: readonly Box[]): Box[] {
  if (!boxesShown.value) return [];
  const hidden = hiddenLabels.value;
  const chosen = filter.value;
  return boxes.filter((box) => !hidden.has(box.label) && (!picksBoxes(chosen) || picks(chosen, box)));
}

export function colourOf(box: Box): string {
  const outcome = outcomes[box.outcome];
  return colouring.value === "outcome" && outcome ? OUTCOME_COLOURS[outcome] : labels[box.label].color;
}

/** A pattern of dashes for each outcome: colour alone tells not everybody apart. */
export function dashesOf(box: Box): string {
  if (colouring.value !== "outcome") return "";
  return { missed: "6 4", misplaced: "2 3", mislabelled: "8 3 2 3", duplicate: "1 3" }[outcomes[box.outcome]] ?? "";
}
