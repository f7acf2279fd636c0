/** What the user can do with boxes: buttons and keys call these. */
import { ask, type Instance, type LayoutFile } from "./api";
import {
  aligned,
  type Alignment,
  type Box,
  fromFile,
  fromInstance,
  type Group,
  type Layout,
  moved,
  nextId,
  replaceBoxes,
  resized,
  snapped,
  toFile,
} from "./layout";
import { attempt, change, chosen, colors, label, layout, say, selected, step, tool } from "./state";

export function select(ids: Iterable<number>): void {
  selected.value = new Set(ids);
}

export function addBox(box: Omit<Box, "id">): void {
  const made = snapped({ ...box, id: nextId() }, layout.value, step.value);
  change({ ...layout.value, boxes: [...layout.value.boxes, made] });
  select([made.id]);
}

export function put(boxes: readonly Box[], run = ""): void {
  if (boxes.length) change(replaceBoxes(layout.value, boxes), run);
}

export function move(dx: number, dy: number): void {
  if (chosen.value.length) put(moved(chosen.value, layout.value, dx, dy), "move");
}

export function grow(dw: number, dh: number): void {
  put(
    chosen.value.map((box) => resized(box, layout.value, dw, dh, Math.max(1, step.value))),
    "grow",
  );
}

export function align(how: Alignment): void {
  if (chosen.value.length < 2) return;
  put(aligned(chosen.value, how).map((box) => moved([box], layout.value, 0, 0)[0]));
}

export function remove(): void {
  const gone = selected.value;
  if (!gone.size) return;
  change({ ...layout.value, boxes: layout.value.boxes.filter((box) => !gone.has(box.id)) });
  select([]);
}

export function duplicate(): void {
  insert(
    chosen.value.map(({ label: name, x0, y0, x1, y1 }) => ({ label: name, xyxy: [x0, y0, x1, y1] })),
    16,
  );
}

/** Add boxes, a little beside where they say, and select them. */
export function insert(instances: readonly Instance[], by = 0): void {
  if (!instances.length) return;
  const room = layout.value;
  const all = instances.map((one) => fromInstance(one));
  const shifted = by ? moved(all, room, by, by) : all;
  const made = shifted.map((box) => snapped(box, room, 1));
  change({ ...room, boxes: [...room.boxes, ...made] });
  select(made.map((box) => box.id));
  tool.value = "select";
}

export function relabel(name: string): void {
  const wanted = name.trim();
  if (!wanted) return;
  label.value = wanted;
  put(chosen.value.filter((box) => box.label !== wanted).map((box) => ({ ...box, label: wanted })));
}

export function edit(part: Partial<Pick<Layout, "width" | "height" | "prompt" | "negative">>): void {
  const next = { ...layout.value, ...part };
  const cut = next.width < layout.value.width || next.height < layout.value.height;
  // A smaller canvas takes boxes with it, as far as they would be outside.
  const boxes = cut ? next.boxes.map((box) => fitted(box, next)) : next.boxes;
  change({ ...next, boxes }, Object.keys(part).join());
}

function fitted(box: Box, room: Layout): Box {
  const side = (low: number, high: number, most: number): [number, number] => {
    const size = Math.min(high - low, most);
    const start = Math.min(low, most - size);
    return [start, start + size];
  };
  const [x0, x1] = side(box.x0, box.x1, room.width);
  const [y0, y1] = side(box.y0, box.y1, room.height);
  return { ...box, x0, y0, x1, y1 };
}

/** Scatter `count` boxes over a region; of a group that is there already, anew. */
export async function scatter(wanted: Omit<Group, "id"> & { id?: number }): Promise<void> {
  await attempt(async () => {
    const others = layout.value.boxes.filter((box) => wanted.id === undefined || box.group !== wanted.id);
    const answer = await ask<{ instances: Instance[] }>("scatter", {
      layout: toFile({ ...layout.value, boxes: others }),
      region: wanted.region,
      label: wanted.label,
      count: wanted.count,
      seed: wanted.seed,
    });
    const group: Group = { ...wanted, id: wanted.id ?? nextId() };
    const made = answer.instances.map((one) => fromInstance(one, group.id));
    const groups = [...layout.value.groups.filter((one) => one.id !== group.id), group];
    change({ ...layout.value, boxes: [...others, ...made], groups });
    select(made.map((box) => box.id));
    tool.value = "select";
  });
}

/** The group of all selected boxes, if they are of one. */
export function chosenGroup(): Group | undefined {
  const ids = new Set(chosen.value.map((box) => box.group));
  const [id] = ids;
  return ids.size === 1 && id !== undefined ? layout.value.groups.find((one) => one.id === id) : undefined;
}

/** The layouts that a text holds; shows why if it holds none. */
export async function readText(text: string): Promise<LayoutFile[]> {
  let layouts: LayoutFile[] = [];
  await attempt(async () => {
    const { width, height } = layout.value;
    const answer = await ask<{ layouts: LayoutFile[]; colors: Record<string, string> }>("read", {
      text,
      width,
      height,
    });
    colors.value = { ...colors.value, ...answer.colors };
    layouts = answer.layouts;
  });
  return layouts;
}

/** Add the boxes of a layout that was pasted; an empty layout takes its canvas and prompt, too. */
export function paste(pasted: LayoutFile): void {
  const isNew = layout.value.boxes.length === 0;
  if (isNew && pasted.instances.length) {
    const next = fromFile(pasted);
    change({ ...next, prompt: next.prompt || layout.value.prompt, negative: next.negative || layout.value.negative });
    select(next.boxes.map((box) => box.id));
    tool.value = "select";
  } else {
    const small = pasted.canvas.width <= layout.value.width && pasted.canvas.height <= layout.value.height;
    const scale = small
      ? 1
      : Math.min(layout.value.width / pasted.canvas.width, layout.value.height / pasted.canvas.height);
    const there = new Set(layout.value.boxes.map((box) => [box.x0, box.y0, box.x1, box.y1].join()));
    const scaled = pasted.instances.map((one) => ({
      ...one,
      xyxy: one.xyxy.map((v) => v * scale) as Instance["xyxy"],
    }));
    insert(scaled, scaled.some((one) => there.has(one.xyxy.join())) ? 16 : 0);
  }
  say(`Pasted ${pasted.instances.length} ${pasted.instances.length === 1 ? "box" : "boxes"}`);
}

/** The selected boxes, or all, as text that can be pasted here or saved as a layout file. */
export function asText(): string {
  const boxes = chosen.value.length ? chosen.value : layout.value.boxes;
  return JSON.stringify(toFile({ ...layout.value, boxes }), null, 1);
}
