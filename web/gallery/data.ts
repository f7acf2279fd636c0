/** The data inside the page, as layoutgen/gallery/page.py writes it. */

import { OUTCOME_WORDS } from "../shared/outcomes";

export interface Label {
  name: string;
  color: string;
}
export interface Found {
  iou: number | null;
  score: number;
  label: number;
  corners: Corners;
}
export type Corners = [number, number, number, number];

export interface Box {
  label: number;
  corners: Corners;
  /** A place in `data.outcomes`; -1 where nobody looked. */
  outcome: number;
  found: Found | null;
}

export interface Picture {
  index: number;
  name: string;
  width: number;
  height: number;
  url?: string;
  file?: string;
  prompt: string;
  command: string;
  boxes: Box[];
  other: Picture | null;
  /** Objects that are not as asked for. */
  errors: number;
}

export interface History {
  name: string;
  metrics: Record<string, number | null>[];
  sheets: { images: number; url: string; name: string }[];
}

interface Raw {
  name: string;
  size: [number, number];
  boxes: number[][];
  url?: string;
  file?: string;
  prompt?: string;
  command?: string;
  other?: Raw;
}

export type Figures = Record<string, number | null>;

export interface FigureTable {
  header: string[];
  rows: string[][];
  remarks: string[];
}

interface Content {
  title: string;
  source: string;
  compared: string;
  labels: Label[];
  outcomes: string[];
  figures: Figures | null;
  otherFigures: Figures | null;
  quality: FigureTable | null;
  images: Raw[];
  histories: History[];
  thumbnails: number;
}

const content: Content = JSON.parse(document.querySelector(".data")!.textContent!);

export const { title, source, compared, labels, outcomes, figures, otherFigures, quality, histories } = content;

const MATCHED = outcomes.indexOf("matched");
const RIGHT = [MATCHED, outcomes.indexOf("ignored")];
const TOO_MUCH = ["extra", "duplicate", "ignored"].map((name) => outcomes.indexOf(name));

export const pictures: Picture[] = content.images.map(unpack);
export const evaluated = pictures.some((picture) => picture.boxes.some((box) => box.outcome >= 0)) || !!figures;

/** Whether the box was asked for, and not only seen. */
export function isAsked(box: Box): boolean {
  return !TOO_MUCH.includes(box.outcome);
}

export function isMatched(box: Box): boolean {
  return box.outcome === MATCHED;
}

/** Whether somebody looked, and it is not as asked for. */
export function isWrong(box: Box): boolean {
  return box.outcome >= 0 && !RIGHT.includes(box.outcome);
}

export function longerSide(box: Box): number {
  return Math.max(box.corners[2] - box.corners[0], box.corners[3] - box.corners[1]);
}

/** What became of it, in words. */
export function outcomeName(box: Box): string {
  return box.outcome < 0 ? "" : (OUTCOME_WORDS[outcomes[box.outcome]] ?? outcomes[box.outcome]);
}

function unpack(raw: Raw, index: number): Picture {
  const boxes = raw.boxes.map(unpackBox);
  return {
    index,
    name: raw.name,
    width: raw.size[0],
    height: raw.size[1],
    url: raw.url,
    file: raw.file,
    prompt: raw.prompt ?? "",
    command: raw.command ?? "",
    boxes,
    other: raw.other ? unpack(raw.other, index) : null,
    errors: boxes.filter(isWrong).length,
  };
}

function unpackBox(entry: number[]): Box {
  const [label, x0, y0, x1, y1, outcome, iou, score, seen, fx0, fy0, fx1, fy1] = entry;
  const found =
    entry.length > 6
      ? { iou: iou as number | null, score, label: seen, corners: [fx0, fy0, fx1, fy1] as Corners }
      : null;
  return { label, corners: [x0, y0, x1, y1], outcome, found };
}

const chunks = [...document.querySelectorAll(".thumbnails")];
const unpacked = new Map<number, string[]>();

/** The small copy inside the page, or the file itself where the page carries none. */
export function thumbnail(picture: Picture): string | undefined {
  if (!content.thumbnails) return picture.url;
  const number = Math.floor(picture.index / content.thumbnails);
  if (!unpacked.has(number)) unpacked.set(number, chunks[number].textContent!.split("\n"));
  return unpacked.get(number)![picture.index % content.thumbnails] || undefined;
}
