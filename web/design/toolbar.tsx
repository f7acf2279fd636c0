/** Tools, undo and redo, alignment, and what is done with files. */
import { ThemeButton } from "../shared/theme";
import { align, duplicate, remove } from "./actions";
import { openDialog } from "./questions";
import type { Alignment } from "./layout";
import { canRedo, canUndo, chosen, dirty, file, redo, snap, model, tool, type Tool, undo } from "./state";
import { saveNow } from "./saving";

const TOOLS: [Tool, string, string, string][] = [
  ["select", "Select", "V", "M3 2l10 6-4.5 1L11 14l-2 1-2.5-5L3 13z"],
  ["draw", "Draw", "B", "M2.5 4.5h9v8h-9zM13.5 1v5M11 3.5h5"],
  ["scatter", "Scatter", "G", "M2 2h4v4H2zM10 3h4v4h-4zM4 10h4v4H4zM11 11h3v3h-3z"],
];

const ALIGNMENTS: [Alignment, string][] = [
  ["left", "Left edges"],
  ["center", "Centres, across"],
  ["right", "Right edges"],
  ["top", "Top edges"],
  ["middle", "Centres, down"],
  ["bottom", "Bottom edges"],
  ["across", "Equal gaps, across"],
  ["down", "Equal gaps, down"],
  ["size", "Same size"],
];

export function Toolbar() {
  const several = chosen.value.length > 1;
  const name = file.value.path ? file.value.suggested : "New layout";
  return (
    <header class="top">
      <div class="heading">
        <h1 title={file.value.path ?? "It has no file yet"}>
          {name}
          {dirty.value && (
            <span class="dot" title="Changes are not saved">
              {" "}
              •
            </span>
          )}
        </h1>
        <p class="soft">{dirty.value ? "not saved" : file.value.path ? "saved" : "no file yet"}</p>
      </div>
      <div class="row group" role="group" aria-label="Tool">
        {TOOLS.map(([key, title, letter, path]) => (
          <button
            key={key}
            aria-pressed={tool.value === key}
            data-tool={key}
            title={`${title} (${letter})`}
            onClick={() => (tool.value = key)}
          >
            <Icon path={path} />
            <span class="words">{title}</span>
          </button>
        ))}
      </div>
      <div class="row group">
        <button onClick={undo} disabled={!canUndo.value} title="Undo (Ctrl+Z)" aria-label="Undo">
          ↶
        </button>
        <button onClick={redo} disabled={!canRedo.value} title="Redo (Ctrl+Shift+Z)" aria-label="Redo">
          ↷
        </button>
        <button onClick={duplicate} disabled={!chosen.value.length} title="Duplicate (Ctrl+D)" aria-label="Duplicate">
          <Icon path="M2 2h8v8H2zM6 10v4h8V6h-4" />
        </button>
        <button onClick={remove} disabled={!chosen.value.length} title="Delete (Del)" aria-label="Delete">
          <Icon path="M2.5 4h11M6 4V2h4v2M4 4l1 10h6l1-10M7 7v4M9 7v4" />
        </button>
        <select
          class="align"
          aria-label="Align"
          disabled={!several}
          value=""
          onChange={(event) => {
            align(event.currentTarget.value as Alignment);
            event.currentTarget.value = "";
          }}
        >
          <option value="">Align</option>
          {ALIGNMENTS.map(([key, title]) => (
            <option key={key} value={key}>
              {title}
            </option>
          ))}
        </select>
      </div>
      {(model.value?.grid ?? 1) > 1 && (
        <label class="row snap" title="The model paints on this grid">
          <input
            type="checkbox"
            checked={snap.value}
            onChange={(event) => (snap.value = event.currentTarget.checked)}
          />
          Snap to {model.value!.grid} px
        </label>
      )}
      <span class="spacer" />
      <div class="row group">
        <button onClick={() => openDialog({ kind: "paste" })} title="Paste COCO, a layout, or boxes (Ctrl+V)">
          Paste
        </button>
        <button onClick={() => saveNow(true)}>Save as</button>
        <button
          class="save"
          onClick={() => saveNow(false)}
          disabled={!dirty.value && file.value.path !== null && file.value.revision !== ""}
          title="Save (Ctrl+S)"
        >
          Save
        </button>
        <button class="quiet" onClick={() => openDialog({ kind: "keys" })} aria-label="Keys" title="Keys">
          <kbd>?</kbd>
        </button>
        <ThemeButton />
      </div>
    </header>
  );
}

function Icon({ path }: { path: string }) {
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
      <path d={path} fill="none" stroke="currentColor" stroke-width="1.4" />
    </svg>
  );
}
