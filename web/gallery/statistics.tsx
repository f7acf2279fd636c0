/** The pictures that are shown, in numbers. */
import {
  type Box,
  compared,
  evaluated,
  type Figures,
  figures,
  isAsked,
  isMatched,
  labels,
  longerSide,
  otherFigures,
  type Picture,
  quality,
} from "./data";
import { Bars, HeatMap, Rows } from "./plots";
import { isFiltered, shown } from "./state";

const CELLS = 24;
const SIZES = [0, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, Infinity];

export function Statistics() {
  const list = shown.value;
  const asked = list.flatMap((picture) => picture.boxes.filter(isAsked));
  return (
    <div class="statistics" tabIndex={0} role="region" aria-label="Statistics">
      {isFiltered.value && <p class="soft">Of the {list.length.toLocaleString("en")} images that the filters leave.</p>}
      {figures && <FigureTable />}
      {quality && <QualityTable />}
      <div class="plots">
        <Rows title="Objects by label" bars={byLabel(asked)} />
        <Bars title="Objects in an image" note="images by number of objects" bars={byCount(list)} />
        <Bars
          title="Size of boxes"
          note="objects by longer side, in pixels"
          bars={bySize(asked, (boxes) => boxes.length)}
        />
        {evaluated && (
          <Bars
            title="Recall by size"
            note="share matched, by longer side in pixels"
            percent
            bars={bySize(asked, (boxes) => (boxes.length ? boxes.filter(isMatched).length / boxes.length : null))}
          />
        )}
        <HeatMap
          title="Where objects are"
          note="share of the images in which a place is covered"
          cells={coverage(list)}
          columns={CELLS}
        />
      </div>
    </div>
  );
}

const FIGURES: [string, string, boolean][] = [
  ["recall", "Recall", true],
  ["precision", "Precision", true],
  ["f1", "F1", true],
  ["mean_iou", "Mean IoU", false],
  ["AP50", "AP50", false],
  ["count_error", "Mean count error", false],
  ["images_all_right", "Images all right", true],
];

function FigureTable() {
  const show = (all: Figures, [key, , percent]: [string, string, boolean]) => {
    const value = all[key];
    if (value === null || value === undefined) return "-";
    return percent ? `${(100 * value).toFixed(1)}%` : value.toFixed(3);
  };
  return (
    <table class="figures">
      <thead>
        <tr>
          <th scope="col">All images</th>
          <th scope="col">here</th>
          {otherFigures && <th scope="col">{compared}</th>}
        </tr>
      </thead>
      <tbody>
        {FIGURES.map((figure) => (
          <tr key={figure[0]}>
            <th scope="row">{figure[1]}</th>
            <td class="number">{show(figures!, figure)}</td>
            {otherFigures && <td class="number">{show(otherFigures, figure)}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The images beside real ones, as the command prints it. */
function QualityTable() {
  const { header, rows, remarks } = quality!;
  return (
    <section class="quality">
      <table class="figures">
        <thead>
          <tr>
            {header.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, ...cells]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {cells.map((cell, column) => (
                <td key={header[column + 1]} class="number">
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {remarks.map((remark) => (
        <p key={remark} class="soft">
          {remark}
        </p>
      ))}
    </section>
  );
}

function byLabel(boxes: Box[]) {
  const counts = labels.map((label) => ({ name: label.name, value: 0, colour: label.color }));
  for (const box of boxes) counts[box.label].value += 1;
  const there = counts.filter((bar) => bar.value > 0).sort((a, b) => b.value - a.value);
  if (there.length <= 16) return there;
  const rest = there.slice(15).reduce((sum, bar) => sum + bar.value, 0);
  return [...there.slice(0, 15), { name: `${there.length - 15} other labels`, value: rest, colour: "var(--soft)" }];
}

function byCount(list: Picture[]) {
  const counts = list.map((picture) => picture.boxes.filter(isAsked).length);
  const most = counts.reduce((a, b) => Math.max(a, b), 0);
  const step = Math.max(1, Math.ceil((most + 1) / 20));
  const bars = Array.from({ length: Math.floor(most / step) + 1 }, (_, k) => ({
    name: String(k * step),
    value: 0,
    title: step > 1 ? ` images with ${k * step} to ${k * step + step - 1} objects` : " images",
  }));
  for (const count of counts) bars[Math.floor(count / step)].value += 1;
  return bars;
}

function bySize(boxes: Box[], figure: (boxes: Box[]) => number | null) {
  const groups = SIZES.slice(0, -1).map((from, at) => ({ from, to: SIZES[at + 1], boxes: [] as Box[] }));
  for (const box of boxes) groups.find((group) => longerSide(box) < group.to)?.boxes.push(box);
  const first = groups.findIndex((group) => group.boxes.length);
  const last = groups.findLastIndex((group) => group.boxes.length);
  return groups.slice(Math.max(0, first), last + 1).map((group) => ({
    name: `${group.from}+`,
    value: figure(group.boxes),
    title: ` (${group.boxes.length.toLocaleString("en")} objects)`,
  }));
}

/** For each cell of a square, the share of the pictures in which a box covers its middle. */
function coverage(list: Picture[]): number[] {
  const cells = new Array<number>(CELLS * CELLS).fill(0);
  const covered = new Uint32Array(CELLS * CELLS);
  list.forEach((picture, number) => {
    for (const box of picture.boxes) {
      if (!isAsked(box)) continue;
      const [x0, y0, x1, y1] = box.corners;
      const first = (value: number, size: number) => Math.max(0, Math.ceil((value / size) * CELLS - 0.5));
      const end = (value: number, size: number) => Math.min(CELLS, Math.ceil((value / size) * CELLS - 0.5));
      for (let y = first(y0, picture.height); y < end(y1, picture.height); y += 1) {
        for (let x = first(x0, picture.width); x < end(x1, picture.width); x += 1) {
          if (covered[y * CELLS + x] === number + 1) continue;
          covered[y * CELLS + x] = number + 1;
          cells[y * CELLS + x] += 1;
        }
      }
    }
  });
  return cells.map((count) => (list.length ? count / list.length : 0));
}
