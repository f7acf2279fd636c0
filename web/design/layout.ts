/** The layout that is drawn, and what can be done with boxes. Nothing here changes its arguments. */
import type { Instance, LayoutFile } from "./api";

export interface Box {
  id: number;
  label: string;
  x0: number;
  y0: number;
  x1: number;
  y1: number;
  /** Boxes that were scattered together. */
  group?: number;
}

/** How boxes were scattered, so that they can be scattered anew. */
export interface Group {
  id: number;
  label: string;
  count: number;
  region: [number, number, number, number];
  seed: number;
}

export interface Layout {
  width: number;
  height: number;
  prompt: string;
  negative: string;
  boxes: readonly Box[];
  groups: readonly Group[];
}

let numbers = 0;

export function nextId(): number {
  numbers += 1;
  return numbers;
}

export function fromFile(file: LayoutFile): Layout {
  return {
    width: file.canvas.width,
    height: file.canvas.height,
    prompt: file.prompt ?? "",
    negative: file.negative_prompt ?? "",
    boxes: file.instances.map((one) => fromInstance(one)),
    groups: [],
  };
}

export function fromInstance({ label, xyxy: [x0, y0, x1, y1] }: Instance, group?: number): Box {
  return { id: nextId(), label, x0, y0, x1, y1, group };
}

export function toFile(layout: Layout): LayoutFile {
  const file: LayoutFile = {
    canvas: { width: layout.width, height: layout.height },
    instances: layout.boxes.map(({ label, x0, y0, x1, y1 }) => ({ label, xyxy: [x0, y0, x1, y1] })),
  };
  if (layout.prompt) file.prompt = layout.prompt;
  if (layout.negative) file.negative_prompt = layout.negative;
  return file;
}

/** Whether two layouts would be saved as the same file. */
export function same(a: Layout, b: Layout): boolean {
  return a === b || JSON.stringify(toFile(a)) === JSON.stringify(toFile(b));
}

export function width(box: Box): number {
  return box.x1 - box.x0;
}

export function height(box: Box): number {
  return box.y1 - box.y0;
}

export function replaceBoxes(layout: Layout, changed: readonly Box[]): Layout {
  const byId = new Map(changed.map((box) => [box.id, box]));
  return { ...layout, boxes: layout.boxes.map((box) => byId.get(box.id) ?? box) };
}

/** The corners in whole steps of `step` pixels, at least one step wide and high, inside the canvas. */
export function snapped(box: Box, layout: Layout, step: number): Box {
  const edge = (value: number, most: number) => Math.min(most, Math.max(0, Math.round(value / step) * step));
  const [left, right] = [Math.min(box.x0, box.x1), Math.max(box.x0, box.x1)];
  const [top, bottom] = [Math.min(box.y0, box.y1), Math.max(box.y0, box.y1)];
  const x0 = Math.min(edge(left, layout.width), layout.width - Math.min(step, layout.width));
  const y0 = Math.min(edge(top, layout.height), layout.height - Math.min(step, layout.height));
  return {
    ...box,
    x0,
    y0,
    x1: Math.max(edge(right, layout.width), Math.min(layout.width, x0 + step)),
    y1: Math.max(edge(bottom, layout.height), Math.min(layout.height, y0 + step)),
  };
}

/** The boxes moved together, as far as the canvas lets all of them. */
export function moved(boxes: readonly Box[], layout: Layout, dx: number, dy: number): Box[] {
  const by = (low: number, high: number, most: number, wanted: number) =>
    Math.min(Math.max(wanted, -low), Math.max(most - high, -low));
  const x = by(Math.min(...boxes.map((b) => b.x0)), Math.max(...boxes.map((b) => b.x1)), layout.width, dx);
  const y = by(Math.min(...boxes.map((b) => b.y0)), Math.max(...boxes.map((b) => b.y1)), layout.height, dy);
  return boxes.map((b) => ({ ...b, x0: b.x0 + x, x1: b.x1 + x, y0: b.y0 + y, y1: b.y1 + y }));
}

export function resized(box: Box, layout: Layout, dw: number, dh: number, least: number): Box {
  return {
    ...box,
    x1: Math.min(layout.width, Math.max(box.x0 + least, box.x1 + dw)),
    y1: Math.min(layout.height, Math.max(box.y0 + least, box.y1 + dh)),
  };
}

export type Alignment = "left" | "center" | "right" | "top" | "middle" | "bottom" | "across" | "down" | "size";

/** The boxes in line with each other, at equal distances, or all as large as the first. */
export function aligned(boxes: readonly Box[], how: Alignment): Box[] {
  const low = { x: Math.min(...boxes.map((b) => b.x0)), y: Math.min(...boxes.map((b) => b.y0)) };
  const high = { x: Math.max(...boxes.map((b) => b.x1)), y: Math.max(...boxes.map((b) => b.y1)) };
  const at = (b: Box, x: number, y: number): Box => ({
    ...b,
    x0: Math.round(x),
    y0: Math.round(y),
    x1: Math.round(x) + width(b),
    y1: Math.round(y) + height(b),
  });
  switch (how) {
    case "left":
      return boxes.map((b) => at(b, low.x, b.y0));
    case "right":
      return boxes.map((b) => at(b, high.x - width(b), b.y0));
    case "center":
      return boxes.map((b) => at(b, (low.x + high.x - width(b)) / 2, b.y0));
    case "top":
      return boxes.map((b) => at(b, b.x0, low.y));
    case "bottom":
      return boxes.map((b) => at(b, b.x0, high.y - height(b)));
    case "middle":
      return boxes.map((b) => at(b, b.x0, (low.y + high.y - height(b)) / 2));
    case "across":
      return spread(
        boxes,
        (b) => b.x0,
        width,
        high.x - low.x,
        (b, x) => at(b, x, b.y0),
      );
    case "down":
      return spread(
        boxes,
        (b) => b.y0,
        height,
        high.y - low.y,
        (b, y) => at(b, b.x0, y),
      );
    case "size":
      return boxes.map((b) => ({ ...b, x1: b.x0 + width(boxes[0]), y1: b.y0 + height(boxes[0]) }));
  }
}

function spread(
  boxes: readonly Box[],
  start: (b: Box) => number,
  side: (b: Box) => number,
  room: number,
  put: (b: Box, to: number) => Box,
): Box[] {
  const ordered = [...boxes].sort((a, b) => start(a) - start(b));
  const gap = (room - ordered.reduce((sum, b) => sum + side(b), 0)) / Math.max(1, ordered.length - 1);
  let next = start(ordered[0]);
  return ordered.map((b) => {
    const here = put(b, next);
    next += side(b) + gap;
    return here;
  });
}
