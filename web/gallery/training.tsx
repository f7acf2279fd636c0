/** What training runs noted: curves, and the same layouts painted again and again. */
import { signal } from "@preact/signals";
import { type History, histories } from "./data";
import { type Curve, Curves, short } from "./plots";

const COLOURS = ["var(--accent)", "var(--missed)", "var(--matched)"];
const LOSSES: [string, string][] = [
  ["loss", "loss"],
  ["loss_inside", "inside boxes"],
  ["loss_outside", "outside"],
];
const DASHES = [undefined, "5 4"];
const SMOOTHED = 300;

const moment = signal(Number.MAX_SAFE_INTEGER);

export function Training() {
  return (
    <div class="statistics" tabIndex={0} role="region" aria-label="Training">
      <div class="plots">
        <Curves
          title="Loss"
          note="by images seen"
          curves={histories.flatMap((history, run) =>
            LOSSES.map(([key, name], at) => curve(history, key, named(name, history), COLOURS[at], DASHES[run])),
          )}
        />
        <Curves title="Learning rate" note="by images seen" curves={rates()} />
      </div>
      <Sheets />
    </div>
  );
}

function named(name: string, history: History): string {
  return histories.length > 1 ? `${name}, ${history.name}` : name;
}

function rates(): Curve[] {
  return histories.flatMap((history, run) => {
    const keys = Object.keys(history.metrics[0] ?? {}).filter((key) => key !== "images" && !key.startsWith("loss"));
    return keys.map((key, at) =>
      curve(history, key, named(key.replaceAll("_", " "), history), COLOURS[at % 3], DASHES[run]),
    );
  });
}

/** The values of a key, as means of so many neighbours that at most `SMOOTHED` points are left. */
function curve(history: History, key: string, name: string, colour: string, dashes?: string): Curve {
  const all = history.metrics.filter((line) => typeof line[key] === "number");
  const size = Math.ceil(all.length / SMOOTHED) || 1;
  const points: [number, number][] = [];
  for (let start = 0; start < all.length; start += size) {
    const part = all.slice(start, start + size);
    points.push([part[part.length - 1].images!, part.reduce((sum, line) => sum + line[key]!, 0) / part.length]);
  }
  return { name, points, colour, dashes };
}

function Sheets() {
  const moments = [...new Set(histories.flatMap((history) => history.sheets.map((sheet) => sheet.images)))].sort(
    (a, b) => a - b,
  );
  if (!moments.length) return <p class="soft">No layouts were painted yet.</p>;
  const at = Math.max(
    0,
    moments.findLastIndex((images) => images <= moment.value),
  );
  return (
    <section class="stack">
      <div class="row timeline">
        <h3>The same layouts over time</h3>
        <input
          type="range"
          min="0"
          max={moments.length - 1}
          value={at}
          aria-label="Images seen"
          aria-valuetext={`${moments[at].toLocaleString("en")} images seen`}
          onInput={(event) => (moment.value = moments[Number(event.currentTarget.value)])}
        />
        <output class="number">
          after {moments[at].toLocaleString("en")} images ({at + 1} of {moments.length})
        </output>
      </div>
      <div class="sheets">
        {histories.map((history) => {
          const sheet = history.sheets.findLast((one) => one.images <= moments[at]);
          return (
            sheet && (
              <figure key={history.name}>
                <figcaption class="soft">
                  {history.name}, after {short(sheet.images)} images{" "}
                  <a href={sheet.url} target="_blank" rel="noreferrer">
                    Open the file
                  </a>
                </figcaption>
                <img src={sheet.url} alt={`Layouts painted after ${sheet.images} images`} />
              </figure>
            )
          );
        })}
      </div>
    </section>
  );
}
