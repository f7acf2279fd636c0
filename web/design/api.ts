/** What the server is asked. Every request carries the token that is in the address of the page. */

export interface Instance {
  label: string;
  xyxy: [number, number, number, number];
}

/** A layout as a layout file has it. */
export interface LayoutFile {
  canvas: { width: number; height: number };
  prompt?: string;
  negative_prompt?: string;
  instances: Instance[];
}

export interface Model {
  name: string;
  argument: string | null;
  labels: string[] | null;
  window: number;
  smallest: number;
  largest: number | null;
  aspect: [number, number];
  grid: number;
  /** What `sample` takes by itself. */
  steps: number;
  guidance: number;
  colors: Record<string, string>;
}

export interface State {
  file: string | null;
  suggested: string;
  folder: string;
  revision: string;
  rewritten: boolean;
  layout: LayoutFile;
  colors: Record<string, string>;
  model: Model;
}

export interface Evaluated extends Instance {
  outcome: string | null;
  iou: number | null;
  score: number | null;
  found: string | null;
}

export type Event =
  | { kind: "step"; number: number; step: number; steps: number; preview: string | null }
  | { kind: "picture"; number: number; picture: number; seed: number; layout: LayoutFile }
  | { kind: "error"; message: string }
  | { kind: "end" };

/** The server said no; `conflict` where somebody else was first. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly conflict: boolean,
  ) {
    super(message);
  }
}

const token = new URLSearchParams(location.search).get("token") ?? "";

async function request(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers: { "X-Layoutgen-Token": token } });
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    throw new Refused(
      "The editor's program does not answer: it was ended. Your changes are still here: copy all boxes " +
        "with Ctrl+C, start layoutgen design again, and paste them there.",
      false,
    );
  }
  if (response.ok) return response;
  const text = await response.text();
  let message = text;
  try {
    message = JSON.parse(text).message;
  } catch {
    // A refusal is plain text.
  }
  throw new Refused(message, response.status === 409);
}

export async function ask<T>(name: string, content: object = {}): Promise<T> {
  const response = await request(`/api/${name}`, { method: "POST", body: JSON.stringify(content) });
  return response.json();
}

/** The URL of a picture that was painted, as long as the page is open. */
export async function picture(number: number): Promise<string> {
  const response = await request(`/api/picture/${number}`, {});
  return URL.createObjectURL(await response.blob());
}

/** The events of a painting; ends by itself, or when `signal` aborts. */
export async function* generate(content: object, signal: AbortSignal): AsyncGenerator<Event> {
  const response = await request("/api/generate", { method: "POST", body: JSON.stringify(content), signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line);
  }
}
