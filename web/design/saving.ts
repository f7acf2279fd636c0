/** Saving, with a question wherever something would be lost. */
import { ask, Refused, type State } from "./api";
import { openDialog } from "./questions";
import { attempt, file, open, save, type SaveOptions, say } from "./state";

/** Save; asks for a name where there is none, or with `as`, and before a file written by hand is replaced. */
export function saveNow(as: boolean): void {
  if (as || !file.value.path) openDialog({ kind: "save" });
  else if (file.value.rewritten) openDialog({ kind: "rewritten" });
  else void saveWith({});
}

export async function saveWith(options: SaveOptions): Promise<void> {
  try {
    await save(options);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.conflict) openDialog({ kind: "conflict", name: options.name });
    else say(error.message, true);
  }
}

/** Take what is in the file now; what was drawn here is one undo away. */
export async function takeTheirs(): Promise<void> {
  await attempt(async () => open(await ask<State>("state"), true));
}
