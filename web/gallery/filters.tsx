/** What is shown: labels switched on and off, and pictures chosen by what is in them. */
import { useSignal } from "@preact/signals";
import { OUTCOME_WORDS } from "../shared/outcomes";
import { evaluated, isAsked, labels, outcomes, pictures } from "./data";
import { EVERYTHING } from "./filter";
import { change, filter, hiddenLabels, isFiltered, toggled } from "./state";

const LABEL_COUNTS = labels.map(() => 0);
const OUTCOME_COUNTS = outcomes.map(() => 0);
for (const box of pictures.flatMap((picture) => picture.boxes)) {
  if (isAsked(box)) LABEL_COUNTS[box.label] += 1;
  if (box.outcome >= 0) OUTCOME_COUNTS[box.outcome] += 1;
}
const BY_COUNT = labels.map((_, number) => number).sort((a, b) => LABEL_COUNTS[b] - LABEL_COUNTS[a]);
const MANY = 12;

export function Filters() {
  const chosen = filter.value;
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()} aria-label="Filters">
      <label class="stack">
        <h2>Name or prompt</h2>
        <input type="search" value={chosen.text} onInput={(event) => change({ text: event.currentTarget.value })} />
      </label>
      {evaluated && (
        <fieldset>
          <legend>
            <h2>What became of it</h2>
          </legend>
          <div class="chips">
            {outcomes.map(
              (name, number) =>
                OUTCOME_COUNTS[number] > 0 && (
                  <button
                    key={name}
                    type="button"
                    class={`chip ${name}`}
                    aria-pressed={chosen.outcomes.has(number)}
                    onClick={() => change({ outcomes: toggled(chosen.outcomes, number) })}
                  >
                    {OUTCOME_WORDS[name]} <span class="soft number">{OUTCOME_COUNTS[number].toLocaleString("en")}</span>
                  </button>
                ),
            )}
          </div>
        </fieldset>
      )}
      <Labels />
      <Range
        name="Objects in the image"
        low={chosen.fewest}
        high={chosen.most}
        onChange={(fewest, most) => change({ fewest, most })}
      />
      <Range
        name="Longer side of a box, in pixels"
        low={chosen.smallest}
        high={chosen.largest}
        onChange={(smallest, largest) => change({ smallest, largest })}
      />
      <button type="button" disabled={!isFiltered.value} onClick={() => (filter.value = EVERYTHING)}>
        Show everything
      </button>
    </form>
  );
}

function Labels() {
  const search = useSignal("");
  const hidden = hiddenLabels.value;
  const chosen = filter.value;
  const listed = BY_COUNT.filter((number) => labels[number].name.toLowerCase().includes(search.value.toLowerCase()));
  return (
    <fieldset>
      <legend class="row">
        <h2>Labels</h2>
        {labels.length > 1 && (
          <>
            <button type="button" class="link" onClick={() => (hiddenLabels.value = new Set())}>
              all on
            </button>
            <button type="button" class="link" onClick={() => (hiddenLabels.value = new Set(BY_COUNT))}>
              all off
            </button>
          </>
        )}
      </legend>
      {labels.length > MANY && (
        <input
          type="search"
          placeholder="Find a label"
          aria-label="Find a label"
          value={search.value}
          onInput={(event) => (search.value = event.currentTarget.value)}
        />
      )}
      <ul class="labels">
        {listed.map((number) => (
          <li key={number} class="row">
            <input
              type="checkbox"
              checked={!hidden.has(number)}
              id={`label-${number}`}
              onChange={() => (hiddenLabels.value = toggled(hidden, number))}
            />
            <span class="swatch" style={{ background: labels[number].color }} />
            <label class="name" for={`label-${number}`}>
              {labels[number].name}
            </label>
            <span class="soft number">{LABEL_COUNTS[number].toLocaleString("en")}</span>
            <button
              type="button"
              class="link"
              aria-pressed={chosen.labels.has(number)}
              aria-label={`Only images with ${labels[number].name}`}
              onClick={() => change({ labels: toggled(chosen.labels, number) })}
            >
              only
            </button>
          </li>
        ))}
      </ul>
    </fieldset>
  );
}

interface RangeProps {
  name: string;
  low: number | null;
  high: number | null;
  onChange(low: number | null, high: number | null): void;
}

function Range({ name, low, high, onChange }: RangeProps) {
  const read = (text: string) => (text.trim() === "" || !Number.isFinite(Number(text)) ? null : Number(text));
  return (
    <fieldset>
      <legend>
        <h2>{name}</h2>
      </legend>
      <div class="row">
        <input
          type="number"
          min="0"
          placeholder="from"
          aria-label={`${name}: from`}
          value={low ?? ""}
          onInput={(event) => onChange(read(event.currentTarget.value), high)}
        />
        <span class="soft">to</span>
        <input
          type="number"
          min="0"
          placeholder="any"
          aria-label={`${name}: to`}
          value={high ?? ""}
          onInput={(event) => onChange(low, read(event.currentTarget.value))}
        />
      </div>
    </fieldset>
  );
}
