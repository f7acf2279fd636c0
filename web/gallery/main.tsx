/** The gallery: a page that is opened from disk and talks to nobody. */
import "../shared/base.css";
import "../shared/dialog.css";
import "./page.css";
import "./grid.css";
import "./viewer.css";
import "./plots.css";
import { signal } from "@preact/signals";
import { render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ThemeButton } from "../shared/theme";
import { compared, evaluated, figures, histories, pictures, source, title } from "./data";
import type { Order } from "./filter";
import { Filters } from "./filters";
import { Grid } from "./grid";
import { boxesShown, colouring, type Colouring, opened, order, panelOpen, shown, tileSide } from "./state";
import { Statistics } from "./statistics";
import { Training } from "./training";
import { Viewer } from "./viewer";

type Tab = "images" | "statistics" | "training";
const tab = signal<Tab>(pictures.length ? "images" : "training");
const help = signal(false);

const TABS: [Tab, string, boolean][] = [
  ["images", "Images", pictures.length > 0],
  ["statistics", "Statistics", pictures.length > 0],
  ["training", "Training", histories.length > 0],
];

function App() {
  return (
    <div class={tab.value === "training" ? "page wide" : "page"}>
      <header class="top">
        <div class="heading">
          <h1>{title}</h1>
          <p class="soft" title={source}>
            {source}
          </p>
        </div>
        <nav class="row" role="tablist" aria-label="Views">
          {TABS.filter(([, , there]) => there).map(([key, name]) => (
            <button key={key} role="tab" aria-selected={tab.value === key} onClick={() => (tab.value = key)}>
              {name}
            </button>
          ))}
        </nav>
        <span class="spacer" />
        <Summary />
        <div class="row tools">
          <button class="quiet" onClick={() => (help.value = true)} aria-label="Keys" title="Keys">
            <kbd>?</kbd>
          </button>
          <ThemeButton />
        </div>
      </header>
      {tab.value !== "training" && (
        <aside class={panelOpen.value ? "side open" : "side"}>
          <Filters />
        </aside>
      )}
      <main>
        {tab.value === "images" && (
          <>
            <Toolbar />
            <Grid />
          </>
        )}
        {tab.value === "statistics" && (
          <>
            <Toolbar short />
            <Statistics />
          </>
        )}
        {tab.value === "training" && <Training />}
      </main>
      <Viewer />
      <Help />
    </div>
  );
}

function Summary() {
  if (!figures) return null;
  const percent = (value: number | null | undefined) =>
    value === null || value === undefined ? "-" : `${(100 * value).toFixed(1)}%`;
  return (
    <dl class="summary">
      <div>
        <dt>Recall</dt>
        <dd class="number">{percent(figures.recall)}</dd>
      </div>
      <div>
        <dt>Precision</dt>
        <dd class="number">{percent(figures.precision)}</dd>
      </div>
    </dl>
  );
}

function Toolbar({ short }: { short?: boolean }) {
  return (
    <div class="toolbar row">
      <button class="filterbutton" aria-expanded={panelOpen.value} onClick={() => (panelOpen.value = !panelOpen.value)}>
        Filters
      </button>
      <output class="number count">
        {shown.value.length.toLocaleString("en")}
        {shown.value.length !== pictures.length && ` of ${pictures.length.toLocaleString("en")}`} images
      </output>
      <span class="spacer" />
      {!short && (
        <>
          <label class="row">
            <span>Sort</span>
            <select value={order.value} onChange={(event) => (order.value = event.currentTarget.value as Order)}>
              <option value="file">as in the file</option>
              {evaluated && (
                <>
                  <option value="worst">worst first</option>
                  <option value="best">best first</option>
                </>
              )}
              {evaluated && compared && <option value="worse">worse than {compared} first</option>}
              <option value="most">most objects first</option>
              <option value="name">by name</option>
            </select>
          </label>
          {evaluated && (
            <label class="row">
              <span>Colour</span>
              <select
                value={colouring.value}
                onChange={(event) => (colouring.value = event.currentTarget.value as Colouring)}
              >
                <option value="outcome">by what became of it</option>
                <option value="label">by label</option>
              </select>
            </label>
          )}
          <button aria-pressed={boxesShown.value} onClick={() => (boxesShown.value = !boxesShown.value)}>
            Boxes
          </button>
          <label class="row size">
            Size
            <input
              type="range"
              min="120"
              max="480"
              step="20"
              value={tileSide.value}
              onInput={(event) => (tileSide.value = Number(event.currentTarget.value))}
            />
          </label>
        </>
      )}
    </div>
  );
}

const KEYS: [string, string][] = [
  ["Arrow keys", "go from image to image"],
  ["Enter", "open an image"],
  ["Esc", "close it"],
  ["+  -  0", "zoom, and back (also Ctrl and the wheel)"],
  ["b", "boxes on and off"],
  ["s", "what stands beside the image"],
  ["/", "find by name or prompt"],
  ["?", "these keys"],
];

function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (help.value) dialog.current!.showModal();
  }, [help.value]);
  return (
    <dialog ref={dialog} onClose={() => (help.value = false)} aria-label="Keys">
      <h2>Keys</h2>
      <table class="keys">
        <tbody>
          {KEYS.map(([key, does]) => (
            <tr key={key}>
              <th scope="row">
                <kbd>{key}</kbd>
              </th>
              <td>{does}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <div class="actions">
        <button class="primary" onClick={() => dialog.current!.close()}>
          Close
        </button>
      </div>
    </dialog>
  );
}

addEventListener("keydown", (event) => {
  if (
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    (event.target as HTMLElement).matches("input, select, textarea")
  )
    return;
  if (event.key === "?") help.value = true;
  else if (event.key === "b" && opened.value === null) boxesShown.value = !boxesShown.value;
  else if (event.key === "/" && opened.value === null) {
    panelOpen.value = true;
    event.preventDefault();
    requestAnimationFrame(() => document.querySelector<HTMLInputElement>(".filters input[type=search]")?.focus());
  }
});

const root = document.getElementById("app")!;
root.textContent = "";
render(<App />, root);
