/** Pictures: how they are painted, what is there, and what became of the boxes in them. */
import { batch, computed, signal } from "@preact/signals";
import { ask, type Evaluated, generate, type LayoutFile, picture } from "./api";
import { attempt, layout, model, say } from "./state";
import { toFile } from "./layout";

export interface Result {
  picture: number;
  seed: number;
  url: string;
  /** The layout as it was painted. */
  painted: LayoutFile;
  evaluated: Evaluated[] | null;
}

export interface Work {
  number: number;
  step: number;
  steps: number;
  count: number;
  preview: string | null;
}

export type Quality = "draft" | "usual" | "fine";

/** Steps of each quality: "usual" is what `sample` takes by itself. */
export const qualities = computed<Record<Quality, number>>(() => ({
  draft: 8,
  usual: model.value?.steps ?? 20,
  fine: 40,
}));

export const quality = signal<Quality>("draft");
/** null: the model's. */
const chosenGuidance = signal<number | null>(null);
export const guidance = computed(() => chosenGuidance.value ?? model.value?.guidance ?? 5);

export function setGuidance(value: number): void {
  chosenGuidance.value = value;
}

export const seed = signal(0);
export const count = signal(1);
export const results = signal<readonly Result[]>([]);
/** The picture under the boxes, by its number; null: none. */
export const shown = signal<number | null>(null);
export const pictureVisible = signal(true);
export const boxesVisible = signal(true);
export const comparing = signal(false);
export const work = signal<Work | null>(null);
export const evaluating = signal(false);

export const current = computed(() => results.value.find((one) => one.picture === shown.value) ?? null);

/** What became of the boxes of the picture that is shown, by where they are. */
export const outcomes = computed(() => {
  const found = current.value?.evaluated;
  return found ? new Map(found.map((one) => [key(one.label, one.xyxy), one])) : null;
});

/** Evaluated are the boxes that were painted; one that was moved since has no outcome. */
export function key(label: string, corners: readonly number[]): string {
  return `${label} ${corners.map((value) => Math.round(value * 10)).join(" ")}`;
}

let abort: AbortController | null = null;

export async function paint(): Promise<void> {
  if (work.value) return;
  abort = new AbortController();
  const total = count.value;
  work.value = { number: 0, step: 0, steps: qualities.value[quality.value], count: total, preview: null };
  await attempt(async () => {
    const asked = {
      layout: toFile(layout.value),
      count: total,
      preview_every: 2,
      settings: { steps: qualities.value[quality.value], guidance: guidance.value, seed: seed.value },
    };
    try {
      for await (const event of generate(asked, abort!.signal)) {
        if (event.kind === "error") say(event.message, true);
        if (event.kind === "step") {
          work.value = { ...event, count: total, preview: event.preview ?? work.value?.preview ?? null };
        }
        if (event.kind === "picture") {
          const result = {
            picture: event.picture,
            seed: event.seed,
            url: await picture(event.picture),
            painted: event.layout,
            evaluated: null,
          };
          batch(() => {
            results.value = [...results.value, result].slice(-48);
            shown.value = event.picture;
            pictureVisible.value = true;
            work.value = work.value && { ...work.value, preview: null };
          });
        }
      }
    } catch (error) {
      if ((error as Error).name !== "AbortError") throw error;
    }
  });
  work.value = null;
}

/** Stop: what is painted already stays. */
export async function cancel(): Promise<void> {
  await attempt(async () => {
    await ask("cancel");
  });
  abort?.abort();
}

export async function evaluate(): Promise<void> {
  const one = current.value;
  if (!one || evaluating.value) return;
  evaluating.value = true;
  await attempt(async () => {
    const { boxes } = await ask<{ boxes: Evaluated[] }>("evaluate", { picture: one.picture });
    results.value = results.value.map((other) => (other === one ? { ...one, evaluated: boxes } : other));
    const asked = boxes.filter((box) => !["extra", "duplicate", "ignored"].includes(box.outcome ?? ""));
    const matched = asked.filter((box) => box.outcome === "matched").length;
    say(`${matched} of ${asked.length} objects are at their place`);
  });
  evaluating.value = false;
}

let warm = false;

/** Let the model be loaded while the user still draws. */
export function warmUp(): void {
  if (warm) return;
  warm = true;
  void attempt(async () => {
    await ask("warm");
  });
}

/** The command that paints the saved file as here. */
export function command(file: string): string {
  const quoted = /^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", `'\\''`)}'`;
  const parts = ["layoutgen sample", quoted, `--steps ${qualities.value[quality.value]}`];
  if (guidance.value !== model.value?.guidance) parts.push(`--guidance ${guidance.value}`);
  if (seed.value) parts.push(`--seed ${seed.value}`);
  if (count.value > 1) parts.push(`--num-images ${count.value}`);
  if (model.value?.argument) parts.push(`--model ${model.value.argument}`);
  return parts.join(" ");
}
