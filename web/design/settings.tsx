/** Prompt, canvas, background, and how pictures are painted. */
import { Copyable } from "../shared/copyable";
import { edit } from "./actions";
import { canvasOfPhoto, openPhoto, photo, photoStrength } from "./background";
import {
  boxesVisible,
  cancel,
  command,
  count,
  current,
  evaluate,
  evaluating,
  guidance,
  paint,
  pictureVisible,
  qualities,
  quality,
  type Quality,
  seed,
  setGuidance,
  work,
} from "./generation";
import { dirty, file, layout } from "./state";

export function Settings() {
  const { width, height, prompt, negative, boxes } = layout.value;
  const busy = work.value;
  const whole = (text: string, least: number, then: (value: number) => void) => {
    const value = Math.round(Number(text));
    if (Number.isFinite(value) && value >= least && value <= 8192) then(value);
  };
  return (
    <aside class="right" aria-label="Picture">
      <section class="stack">
        <label class="stack">
          <h2>Prompt</h2>
          <textarea
            rows={2}
            value={prompt}
            placeholder="such as: dogs on green ground"
            onInput={(event) => edit({ prompt: event.currentTarget.value })}
          />
        </label>
        <label class="stack">
          <h2>Not in the picture</h2>
          <textarea
            rows={1}
            value={negative}
            aria-label="Negative prompt"
            onInput={(event) => edit({ negative: event.currentTarget.value })}
          />
        </label>
      </section>
      <section class="stack">
        <h2>Canvas, in pixels</h2>
        <div class="row">
          <input
            type="number"
            min="8"
            step="8"
            aria-label="Canvas width"
            value={width}
            onChange={(event) => whole(event.currentTarget.value, 8, (value) => edit({ width: value }))}
          />
          <span class="soft">x</span>
          <input
            type="number"
            min="8"
            step="8"
            aria-label="Canvas height"
            value={height}
            onChange={(event) => whole(event.currentTarget.value, 8, (value) => edit({ height: value }))}
          />
        </div>
        <Background />
      </section>
      <section class="stack generate">
        <div class="row">
          <h2>Quality</h2>
          <span class="spacer" />
          <select
            aria-label="Quality"
            value={quality.value}
            onChange={(event) => (quality.value = event.currentTarget.value as Quality)}
          >
            <option value="draft">draft, {qualities.value.draft} steps</option>
            <option value="usual">as sample, {qualities.value.usual} steps</option>
            <option value="fine">fine, {qualities.value.fine} steps</option>
          </select>
        </div>
        <div class="row numbers">
          <label class="stack">
            <span class="soft">Seed</span>
            <input
              type="number"
              min="0"
              value={seed.value}
              aria-label="Seed"
              onInput={(event) => whole(event.currentTarget.value, 0, (value) => (seed.value = value))}
            />
          </label>
          <label class="stack">
            <span class="soft">Guidance</span>
            <input
              type="number"
              min="0"
              max="30"
              step="0.5"
              value={guidance.value}
              aria-label="Guidance"
              onInput={(event) => {
                const value = event.currentTarget.valueAsNumber;
                if (value >= 0 && value < 100) setGuidance(value);
              }}
            />
          </label>
          <label class="stack">
            <span class="soft">Variations</span>
            <input
              type="number"
              min="1"
              max="8"
              value={count.value}
              aria-label="Variations"
              onInput={(event) => whole(event.currentTarget.value, 1, (value) => (count.value = Math.min(8, value)))}
            />
          </label>
        </div>
        {busy ? (
          <div class="stack">
            <progress
              max={busy.steps * busy.count}
              value={busy.number * busy.steps + busy.step}
              aria-label="Painting"
            />
            <div class="row">
              <span class="number soft">
                {busy.step ? `step ${busy.step} of ${busy.steps}` : "loading the model"}
                {busy.count > 1 && `, picture ${busy.number + 1} of ${busy.count}`}
              </span>
              <span class="spacer" />
              <button onClick={() => void cancel()}>Cancel</button>
            </div>
          </div>
        ) : (
          <button
            class="primary big"
            onClick={() => void paint()}
            disabled={!boxes.length}
            title="Generate (Ctrl+Enter)"
          >
            Generate
          </button>
        )}
        <div class="row looks">
          <button
            onClick={() => void evaluate()}
            disabled={!current.value || evaluating.value}
            title="Look for the objects with a detector"
          >
            {evaluating.value ? "Looking…" : "Evaluate"}
          </button>
          <button
            aria-pressed={boxesVisible.value}
            title="Boxes on and off (H)"
            onClick={() => (boxesVisible.value = !boxesVisible.value)}
          >
            Boxes
          </button>
          <button
            aria-pressed={pictureVisible.value}
            disabled={!current.value}
            title="Picture on and off (P)"
            onClick={() => (pictureVisible.value = !pictureVisible.value)}
          >
            Picture
          </button>
        </div>
      </section>
      {file.value.path && (
        <section class="stack">
          <h2>The same in a terminal</h2>
          <Copyable text={command(file.value.path)} label="command" />
          {dirty.value && <p class="soft">of the file as it was saved</p>}
        </section>
      )}
    </aside>
  );
}

function Background() {
  return (
    <div class="stack">
      <label class="button">
        Photo to trace from
        <input
          class="hidden"
          type="file"
          accept="image/*"
          onChange={(event) => {
            const chosen = event.currentTarget.files?.[0];
            if (chosen) void openPhoto(chosen);
          }}
        />
      </label>
      {photo.value && (
        <>
          <label class="row">
            <span class="soft">Strength</span>
            <input
              type="range"
              min="0"
              max="1"
              step="0.05"
              value={photoStrength.value}
              onInput={(event) => (photoStrength.value = Number(event.currentTarget.value))}
            />
          </label>
          <div class="row">
            <button onClick={() => canvasOfPhoto()}>Canvas as photo</button>
            <button onClick={() => (photo.value = null)}>Remove</button>
          </div>
        </>
      )}
    </div>
  );
}
