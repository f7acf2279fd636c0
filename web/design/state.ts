/** What the page knows: the layout with its history, what is selected, and where it is saved. */
import { batch, computed, signal } from "@preact/signals";
import { ask, type Model, Refused, type State } from "./api";
import { type Box, fromFile, type Layout, same, toFile } from "./layout";

export type Tool = "select" | "draw" | "scatter";

const EMPTY: Layout = { width: 512, height: 512, prompt: "", negative: "", boxes: [], groups: [] };
const REMEMBERED = 300;

export const model = signal<Model | null>(null);
export const layout = signal<Layout>(EMPTY);
export const selected = signal<ReadonlySet<number>>(new Set());
export const tool = signal<Tool>("draw");
export const label = signal("dog");
export const colors = signal<Record<string, string>>({});
export const snap = signal(true);
export const message = signal<{ text: string; bad: boolean } | null>(null);

export const file = signal<{
  path: string | null;
  suggested: string;
  folder: string;
  revision: string;
  rewritten: boolean;
}>({ path: null, suggested: "layout.yaml", folder: "", revision: "", rewritten: false });

const saved = signal<Layout>(EMPTY);
const past = signal<readonly Layout[]>([]);
const future = signal<readonly Layout[]>([]);
/** What was changed last: a run of changes of one kind is one step of undo. */
let running = "";

export const dirty = computed(() => !same(layout.value, saved.value));
export const canUndo = computed(() => past.value.length > 0);
export const canRedo = computed(() => future.value.length > 0);
export const chosen = computed<Box[]>(() => layout.value.boxes.filter((box) => selected.value.has(box.id)));
export const step = computed(() => (snap.value ? (model.value?.grid ?? 1) : 1));

export const labels = computed<string[]>(() => {
  const used = layout.value.boxes.map((box) => box.label);
  return [...new Set([...(model.value?.labels ?? []), ...used, ...(label.value ? [label.value] : [])])];
});

/** Change the layout. Changes with the same `run` name that follow each other are undone together. */
export function change(next: Layout, run = ""): void {
  if (next === layout.value) return;
  batch(() => {
    if (!run || run !== running) past.value = [...past.value.slice(-REMEMBERED + 1), layout.value];
    running = run;
    future.value = [];
    layout.value = next;
    knowColors(next.boxes.map((box) => box.label));
  });
}

export function undo(): void {
  travel(past, future);
}

export function redo(): void {
  travel(future, past);
}

function travel(from: typeof past, to: typeof past): void {
  const next = from.value[from.value.length - 1];
  if (!next) return;
  batch(() => {
    running = "";
    to.value = [...to.value, layout.value];
    from.value = from.value.slice(0, -1);
    layout.value = next;
    const there = new Set(next.boxes.map((box) => box.id));
    selected.value = new Set([...selected.value].filter((id) => there.has(id)));
  });
}

/** Take what is in the file; what was drawn can be had back by undo. */
export function open(state: State, keepHistory = false): void {
  batch(() => {
    const next = fromFile(state.layout);
    past.value = keepHistory ? [...past.value, layout.value] : [];
    future.value = [];
    running = "";
    model.value = state.model;
    colors.value = { ...colors.value, ...state.model.colors, ...state.colors };
    layout.value = next;
    saved.value = next;
    selected.value = new Set();
    label.value = next.boxes[0]?.label ?? state.model.labels?.[0] ?? "dog";
    tool.value = next.boxes.length ? "select" : "draw";
    file.value = {
      path: state.file,
      suggested: state.suggested,
      folder: state.folder,
      revision: state.revision,
      rewritten: state.rewritten,
    };
    document.title = `${state.file ? state.suggested : "New layout"} - layoutgen`;
  });
}

export interface SaveOptions {
  name?: string;
  replace?: boolean;
}

/** Save; throws what the server refuses. */
export async function save(options: SaveOptions = {}): Promise<void> {
  const sent = layout.value;
  const answer = await ask<{ revision: string; file: string; suggested: string }>("save", {
    layout: toFile(sent),
    revision: file.value.revision,
    ...options,
  });
  batch(() => {
    saved.value = sent;
    file.value = {
      ...file.value,
      path: answer.file,
      suggested: answer.suggested,
      revision: answer.revision,
      rewritten: false,
    };
    document.title = `${answer.suggested} - layoutgen`;
  });
  say(`Saved ${answer.file}`);
}

export function say(text: string, bad = false): void {
  message.value = { text, bad };
  if (!bad) setTimeout(() => message.value?.text === text && (message.value = null), 4000);
}

/** Do something that the server may refuse; a refusal is shown, and so is what should not have happened. */
export async function attempt(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof Refused)) console.error(error);
    say(error instanceof Refused ? error.message : `This failed, and the terminal may say why: ${error}`, true);
  }
}

/** The colour of a label is the same here as in every overlay, so the server says it. */
export function knowColors(names: readonly string[]): void {
  const unknown = [...new Set(names)].filter((name) => !(name in colors.value));
  if (!unknown.length) return;
  colors.value = { ...colors.value, ...Object.fromEntries(unknown.map((name) => [name, "#999999"])) };
  void attempt(async () => {
    const answer = await ask<{ colors: Record<string, string> }>("colors", { labels: unknown });
    colors.value = { ...colors.value, ...answer.colors };
  });
}

export function colorOf(name: string): string {
  return colors.value[name] ?? "#999999";
}
