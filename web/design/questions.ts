/** What is asked in a dialog, one question at a time; null: nothing. */
import { signal } from "@preact/signals";
import type { LayoutFile } from "./api";

export type Region = [number, number, number, number];

export type Question =
  | { kind: "paste"; text?: string }
  | { kind: "choose"; layouts: LayoutFile[] }
  | { kind: "scatter"; region: Region }
  | { kind: "save" }
  | { kind: "rewritten" }
  | { kind: "conflict"; name?: string }
  | { kind: "keys" };

export const question = signal<Question | null>(null);

export function openDialog(next: Question): void {
  question.value = next;
}

export function closeDialog(): void {
  question.value = null;
}
