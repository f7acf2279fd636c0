/** The boxes in words and numbers: all that can be done by mouse can be done here by keyboard. */
import { OUTCOME_WORDS } from "../shared/outcomes";
import { chosenGroup, put, relabel, scatter, select } from "./actions";
import { warnings } from "./checks";
import { key, outcomes } from "./generation";
import { type Box, height, snapped, width } from "./layout";
import { chosen, colorOf, label, labels, layout, model, selected } from "./state";

const LISTED = 400;

export function Objects() {
  const boxes = layout.value.boxes;
  const said = model.value ? warnings(layout.value, model.value) : new Map<number, string[]>();
  const counts = new Map<string, number>();
  for (const box of boxes) counts.set(box.label, (counts.get(box.label) ?? 0) + 1);
  return (
    <aside class="left" aria-label="Objects">
      <section class="stack">
        <h2>Label</h2>
        <div class="palette" role="group" aria-label="Labels">
          {labels.value.map((name) => (
            <button key={name} aria-pressed={label.value === name} onClick={() => relabel(name)}>
              <span class="swatch" style={{ background: colorOf(name) }} />
              {name}
              <span class="soft number">{counts.get(name) ?? ""}</span>
            </button>
          ))}
        </div>
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            const input = event.currentTarget.elements.namedItem("new") as HTMLInputElement;
            relabel(input.value);
            input.value = "";
          }}
        >
          <input name="new" placeholder="Another label" aria-label="Another label" />
          <button>Use</button>
        </form>
      </section>
      {chosen.value.length > 0 && <Selection said={said} />}
      <section class="stack list">
        <h2>
          Objects <span class="number">{boxes.length}</span>
          {said.size > 0 && <span class="warned"> · {said.size} to look at</span>}
        </h2>
        <ul aria-label="Objects">
          {boxes.slice(0, LISTED).map((box) => (
            <Row key={box.id} box={box} said={said.get(box.id)} />
          ))}
        </ul>
        {boxes.length > LISTED && <p class="soft">and {boxes.length - LISTED} more</p>}
        {boxes.length === 0 && <p class="soft">Drag on the canvas to draw a box, or paste COCO.</p>}
      </section>
    </aside>
  );
}

function Row({ box, said }: { box: Box; said?: string[] }) {
  const evaluated = outcomes.value?.get(key(box.label, [box.x0, box.y0, box.x1, box.y1]));
  const on = selected.value.has(box.id);
  const pick = (event: MouseEvent) => {
    if (!event.shiftKey && !event.ctrlKey && !event.metaKey) return select([box.id]);
    select(on ? [...selected.value].filter((id) => id !== box.id) : [...selected.value, box.id]);
  };
  return (
    <li>
      <button class="quiet" aria-pressed={on} onClick={pick} title={said?.join("; ")}>
        <span class="swatch" style={{ background: colorOf(box.label) }} />
        <span class="name">{box.label}</span>
        {evaluated?.outcome && <span class={`outcome ${evaluated.outcome}`}>{OUTCOME_WORDS[evaluated.outcome]}</span>}
        {said && (
          <span class="warned" aria-label={`Warning: ${said.join("; ")}`}>
            !
          </span>
        )}
        <span class="soft number">
          {Math.round(width(box))}x{Math.round(height(box))}
        </span>
      </button>
    </li>
  );
}

/** What is selected, to be typed. */
function Selection({ said }: { said: Map<number, string[]> }) {
  const boxes = chosen.value;
  const group = chosenGroup();
  const one = boxes.length === 1 ? boxes[0] : null;
  const notes = [...new Set(boxes.flatMap((box) => said.get(box.id) ?? []))];
  const set = (part: Partial<Box>) =>
    one && put([snapped({ ...one, ...part }, layout.value, 1)], `type ${Object.keys(part)}`);
  return (
    <section class="stack selection">
      <h2>{one ? `Selected: ${one.label}` : `${boxes.length} selected`}</h2>
      {one && (
        <div class="corners">
          <Number name="x" value={one.x0} onChange={(x) => set({ x0: x, x1: x + width(one) })} />
          <Number name="y" value={one.y0} onChange={(y) => set({ y0: y, y1: y + height(one) })} />
          <Number name="width" value={width(one)} onChange={(w) => w > 0 && set({ x1: one.x0 + w })} />
          <Number name="height" value={height(one)} onChange={(h) => h > 0 && set({ y1: one.y0 + h })} />
        </div>
      )}
      {group && (
        <div class="row">
          <span class="soft">{group.count} scattered</span>
          <button onClick={() => void scatter({ ...group, seed: group.seed + 1 })}>Scatter anew</button>
        </div>
      )}
      {!group && one?.group !== undefined && (
        <button onClick={() => select(layout.value.boxes.filter((b) => b.group === one.group).map((b) => b.id))}>
          Select its group
        </button>
      )}
      {notes.slice(0, 4).map((note) => (
        <p key={note} class="note">
          {note}
        </p>
      ))}
    </section>
  );
}

function Number({ name, value, onChange }: { name: string; value: number; onChange(value: number): void }) {
  return (
    <label class="stack">
      <span class="soft">{name}</span>
      <input
        type="number"
        aria-label={name}
        value={Math.round(value * 10) / 10}
        onChange={(event) => {
          const typed = event.currentTarget.valueAsNumber;
          if (globalThis.Number.isFinite(typed)) onChange(typed);
        }}
      />
    </label>
  );
}
