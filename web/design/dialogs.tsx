/** Questions, one at a time. */
import { useEffect, useRef, useState } from "preact/hooks";
import { paste, readText, scatter } from "./actions";
import type { LayoutFile } from "./api";
import { closeDialog as close, openDialog, question, type Region } from "./questions";
import { saveWith, takeTheirs } from "./saving";
import { file, label, labels, model } from "./state";

export function Dialogs() {
  const dialog = useRef<HTMLDialogElement>(null);
  const asked = question.value;
  useEffect(() => {
    if (asked && !dialog.current!.open) dialog.current!.showModal();
    if (!asked && dialog.current!.open) dialog.current!.close();
  }, [asked]);
  return (
    <dialog ref={dialog} onClose={close} data-kind={asked?.kind}>
      {asked?.kind === "paste" && <Paste text={asked.text ?? ""} />}
      {asked?.kind === "choose" && <Choose layouts={asked.layouts} />}
      {asked?.kind === "scatter" && <Scatter region={asked.region} />}
      {asked?.kind === "save" && <SaveAs />}
      {asked?.kind === "rewritten" && <Rewritten />}
      {asked?.kind === "conflict" && <Conflict name={asked.name} />}
      {asked?.kind === "keys" && <Keys />}
    </dialog>
  );
}

/** Read a text and add its boxes; asks which, if there are several layouts in it. */
export async function pasteText(text: string): Promise<void> {
  const layouts = await readText(text);
  close();
  if (layouts.length === 1) paste(layouts[0]);
  else if (layouts.length > 1) openDialog({ kind: "choose", layouts });
}

function Paste({ text }: { text: string }) {
  const [value, setValue] = useState(text);
  const take = async (event: Event) => {
    const chosen = (event.currentTarget as HTMLInputElement).files?.[0];
    if (chosen) setValue(await chosen.text());
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void pasteText(value);
      }}
    >
      <h2>Paste boxes</h2>
      <p class="soft">A COCO json, its list of annotations, a layout file, or boxes copied here.</p>
      <div class="stack below">
        <textarea
          rows={9}
          value={value}
          onInput={(event) => setValue(event.currentTarget.value)}
          aria-label="Text"
          autofocus
        />
        <label class="row">
          or a file <input type="file" accept=".json,.yaml,.yml" onChange={take} />
        </label>
      </div>
      <div class="actions">
        <button type="button" onClick={close}>
          Cancel
        </button>
        <button class="primary" disabled={!value.trim()}>
          Paste
        </button>
      </div>
    </form>
  );
}

function Choose({ layouts }: { layouts: LayoutFile[] }) {
  return (
    <div>
      <h2>Which image?</h2>
      <ul class="choices">
        {layouts.map((one, at) => (
          <li key={at}>
            <button
              onClick={() => {
                close();
                paste(one);
              }}
            >
              <span>
                {at + 1}. {one.prompt || `${one.instances.length} boxes`}
              </span>
              <span class="soft number">
                {one.instances.length} boxes, {one.canvas.width} x {one.canvas.height}
              </span>
            </button>
          </li>
        ))}
      </ul>
      <div class="actions">
        <button onClick={close}>Cancel</button>
      </div>
    </div>
  );
}

function Scatter({ region }: { region: Region }) {
  const [name, setName] = useState(label.value);
  const [count, setCount] = useState(10);
  const size = `${Math.round(region[2] - region[0])} x ${Math.round(region[3] - region[1])} px`;
  const submit = (event: Event) => {
    event.preventDefault();
    close();
    label.value = name.trim();
    void scatter({ label: name.trim(), count, region, seed: 0 });
  };
  return (
    <form onSubmit={submit}>
      <h2>Scatter here</h2>
      <p class="soft">At free places of {size}, as large as the model draws well, none over another.</p>
      <div class="row fields">
        <label class="stack">
          How many
          <input
            type="number"
            min="1"
            max="2000"
            required
            value={count}
            autofocus
            onInput={(event) => setCount(Number(event.currentTarget.value))}
          />
        </label>
        <label class="stack">
          of what
          <input value={name} required list="known-labels" onInput={(event) => setName(event.currentTarget.value)} />
        </label>
      </div>
      <datalist id="known-labels">
        {labels.value.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <div class="actions">
        <button type="button" onClick={close}>
          Cancel
        </button>
        <button class="primary">Scatter</button>
      </div>
    </form>
  );
}

function SaveAs() {
  const [name, setName] = useState(file.value.suggested);
  const submit = (event: Event) => {
    event.preventDefault();
    close();
    void saveWith({ name });
  };
  return (
    <form onSubmit={submit}>
      <h2>Save as</h2>
      <label class="stack">
        <span class="soft">In {file.value.folder}</span>
        <input value={name} required autofocus onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <div class="actions">
        <button type="button" onClick={close}>
          Cancel
        </button>
        <button class="primary">Save</button>
      </div>
    </form>
  );
}

function Rewritten() {
  return (
    <div>
      <h2>Replace a file written by hand?</h2>
      <p>
        {file.value.suggested} has comments, groups, or a spelling of its own. Saving writes every box where it stands
        now; comments and groups are lost.
      </p>
      <div class="actions">
        <button onClick={close}>Cancel</button>
        <button onClick={() => openDialog({ kind: "save" })}>Save as another file</button>
        <button
          class="primary"
          onClick={() => {
            close();
            void saveWith({});
          }}
        >
          Replace it
        </button>
      </div>
    </div>
  );
}

function Conflict({ name }: { name?: string }) {
  const called = name ?? file.value.suggested;
  return (
    <div>
      <h2>{name ? `${called} is there already` : `${called} has changed`}</h2>
      <p>
        {name
          ? "Saving would replace it."
          : "Another tab or program has saved it since it was opened here. Nothing was overwritten."}
      </p>
      <div class="actions">
        <button onClick={close}>Cancel</button>
        {!name && (
          <button
            onClick={() => {
              close();
              void takeTheirs();
            }}
          >
            Load theirs
          </button>
        )}
        <button onClick={() => openDialog({ kind: "save" })}>Save under another name</button>
        <button
          class="danger"
          onClick={() => {
            close();
            void saveWith({ name, replace: true });
          }}
        >
          Replace it
        </button>
      </div>
    </div>
  );
}

const KEYS: [string, string][] = [
  ["V  B  G", "select, draw, scatter"],
  ["Arrow keys", "move what is selected; Alt: by 1 px"],
  ["Shift and arrows", "make it larger or smaller"],
  ["Shift and click", "select more; drag to select an area"],
  ["Ctrl+A  Esc", "select all, nothing"],
  ["Ctrl+D  Del", "duplicate, delete"],
  ["Ctrl+C  Ctrl+V", "copy, paste (COCO too)"],
  ["Ctrl+Z  Ctrl+Shift+Z", "undo, redo"],
  ["Ctrl+S", "save"],
  ["Ctrl+Enter", "generate"],
  ["P  H", "picture, boxes on and off"],
  ["+  -  0", "zoom, and back"],
  ["Tab", "to the list of objects, where each can be typed"],
];

function Keys() {
  return (
    <div>
      <h2>Keys</h2>
      <table class="keys">
        <tbody>
          {KEYS.map(([keys, does]) => (
            <tr key={keys}>
              <th scope="row">
                <kbd>{keys}</kbd>
              </th>
              <td>{does}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {model.value && <p class="soft">Model: {model.value.name}</p>}
      <div class="actions">
        <button class="primary" onClick={close}>
          Close
        </button>
      </div>
    </div>
  );
}
