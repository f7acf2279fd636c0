/** Plots as plain SVG: bars, curves and a heat map, each with its numbers for those who cannot see it. */
import type { ComponentChildren } from "preact";

const WIDTH = 420;
const HEIGHT = 200;
const LEFT = 46;
const BOTTOM = 28;
const TOP = 10;

interface FigureProps {
  title: string;
  note?: string;
  says: string;
  children: ComponentChildren;
  legend?: Curve[];
}

function Plot({ title, note, says, children, legend }: FigureProps) {
  return (
    <figure class="plot">
      <figcaption>
        <h3>{title}</h3>
        {note && <p class="soft">{note}</p>}
        {legend && <Legend curves={legend} />}
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={says}>
        {children}
      </svg>
    </figure>
  );
}

/** Round steps for an axis from 0 to `most`, at least two. */
export function ticks(most: number, count = 4): number[] {
  const rough = (most || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const unit = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough)!;
  return Array.from({ length: Math.ceil((most || 1) / unit) + 1 }, (_, k) => k * unit);
}

export function short(value: number): string {
  if (Math.abs(value) >= 1e6) return `${+(value / 1e6).toPrecision(3)}M`;
  if (Math.abs(value) >= 1e4) return `${+(value / 1e3).toPrecision(3)}k`;
  if (value && Math.abs(value) < 1e-3)
    return value
      .toExponential()
      .replace(/\.(\d)\d*/, ".$1")
      .replace(".0", "");
  return String(+value.toPrecision(3));
}

function Axis({ most, percent }: { most: number; percent?: boolean }) {
  const marks = ticks(most);
  const top = marks[marks.length - 1];
  return (
    <>
      {marks.map((mark) => {
        const y = HEIGHT - BOTTOM - (mark / top) * (HEIGHT - BOTTOM - TOP);
        return (
          <g key={mark}>
            <line x1={LEFT} x2={WIDTH - 4} y1={y} y2={y} class="gridline" />
            <text x={LEFT - 6} y={y + 4} text-anchor="end">
              {percent ? `${Math.round(mark * 100)}%` : short(mark)}
            </text>
          </g>
        );
      })}
    </>
  );
}

export interface Bar {
  name: string;
  value: number | null;
  title?: string;
  colour?: string;
}

/** Bars from left to right; null is a gap. */
export function Bars({ title, note, bars, percent }: { title: string; note?: string; bars: Bar[]; percent?: boolean }) {
  const most = percent ? 1 : Math.max(1, ...bars.map((bar) => bar.value ?? 0));
  const marks = ticks(most);
  const top = marks[marks.length - 1];
  const step = (WIDTH - LEFT - 4) / Math.max(1, bars.length);
  const show = (value: number) => (percent ? `${(100 * value).toFixed(1)}%` : value.toLocaleString("en"));
  const every = Math.ceil(bars.length / 7);
  const says = `${title}: ${bars.map((bar) => `${bar.name} ${bar.value === null ? "none" : show(bar.value)}`).join(", ")}`;
  return (
    <Plot title={title} note={note} says={says}>
      <Axis most={most} percent={percent} />
      {bars.map((bar, at) => {
        const height = ((bar.value ?? 0) / top) * (HEIGHT - BOTTOM - TOP);
        const x = LEFT + at * step;
        return (
          <g key={at}>
            <rect
              x={x + step * 0.08}
              width={step * 0.84}
              y={HEIGHT - BOTTOM - height}
              height={height}
              rx="2"
              class="bar"
              style={bar.colour ? { fill: bar.colour } : {}}
            >
              <title>{`${bar.name}: ${bar.value === null ? "none" : show(bar.value)}${bar.title ?? ""}`}</title>
            </rect>
            {at % every === 0 && (
              <text x={x + step / 2} y={HEIGHT - BOTTOM + 16} text-anchor="middle">
                {bar.name}
              </text>
            )}
          </g>
        );
      })}
    </Plot>
  );
}

/** Bars from top to bottom, for names. */
export function Rows({ title, note, bars }: { title: string; note?: string; bars: Bar[] }) {
  const most = Math.max(1, ...bars.map((bar) => bar.value ?? 0));
  const says = `${title}: ${bars.map((bar) => `${bar.name} ${bar.value}`).join(", ")}`;
  return (
    <figure class="plot">
      <figcaption>
        <h3>{title}</h3>
        {note && <p class="soft">{note}</p>}
      </figcaption>
      <div class="rowbars" role="img" aria-label={says}>
        {bars.map((bar) => (
          <div key={bar.name} class="rowbar">
            <span class="name" title={bar.name}>
              {bar.name}
            </span>
            <span class="track">
              <span style={{ width: `${(100 * (bar.value ?? 0)) / most}%`, background: bar.colour }} />
            </span>
            <span class="number">{(bar.value ?? 0).toLocaleString("en")}</span>
          </div>
        ))}
      </div>
    </figure>
  );
}

/** How often each cell of a canvas is covered; `cells` are row by row, in [0, 1]. */
export function HeatMap({
  title,
  note,
  cells,
  columns,
}: {
  title: string;
  note?: string;
  cells: number[];
  columns: number;
}) {
  const rows = cells.length / columns;
  const side = Math.min(WIDTH / columns, HEIGHT / rows);
  const left = (WIDTH - side * columns) / 2;
  const most = Math.max(...cells, 1e-9);
  return (
    <Plot
      title={title}
      note={note}
      says={`${title}: the fullest cell is covered in ${Math.round(most * 100)}% of the images`}
    >
      {cells.map((value, at) => (
        <rect
          key={at}
          x={left + (at % columns) * side}
          y={Math.floor(at / columns) * side}
          width={side + 0.5}
          height={side + 0.5}
          class="heat"
          style={{ fillOpacity: value / most }}
        >
          <title>{`${Math.round(value * 100)}% of the images`}</title>
        </rect>
      ))}
      <rect x={left} y={0.5} width={side * columns} height={side * rows - 1} class="outline" />
    </Plot>
  );
}

export interface Curve {
  name: string;
  points: [number, number][];
  colour: string;
  dashes?: string;
}

function Legend({ curves }: { curves: Curve[] }) {
  return (
    <ul class="legend">
      {curves.map((curve) => (
        <li key={curve.name}>
          <svg width="22" height="8" aria-hidden="true">
            <line
              x1="0"
              x2="22"
              y1="4"
              y2="4"
              style={{ stroke: curve.colour }}
              stroke-width="2.5"
              stroke-dasharray={curve.dashes}
            />
          </svg>
          {curve.name}
        </li>
      ))}
    </ul>
  );
}

export function Curves({ title, note, curves }: { title: string; note?: string; curves: Curve[] }) {
  const all = curves.flatMap((curve) => curve.points);
  if (!all.length) return null;
  const right = Math.max(...all.map(([x]) => x), 1);
  const marks = ticks(Math.max(...all.map(([, y]) => y)));
  const top = marks[marks.length - 1];
  const px = (x: number) => LEFT + (x / right) * (WIDTH - LEFT - 14);
  const py = (y: number) => HEIGHT - BOTTOM - (y / top) * (HEIGHT - BOTTOM - TOP);
  const last = (curve: Curve) => curve.points[curve.points.length - 1];
  const says = `${title}: ${curves
    .filter(last)
    .map((c) => `${c.name} ends at ${short(last(c)[1])}`)
    .join(", ")}`;
  return (
    <Plot title={title} note={note} says={says} legend={curves}>
      <Axis most={top} />
      {ticks(right)
        .filter((x) => x <= right)
        .map((x) => (
          <text key={x} x={px(x)} y={HEIGHT - BOTTOM + 16} text-anchor="middle">
            {short(x)}
          </text>
        ))}
      {curves.map((curve) => (
        <polyline
          key={curve.name}
          fill="none"
          style={{ stroke: curve.colour }}
          stroke-width="1.8"
          stroke-dasharray={curve.dashes}
          points={curve.points.map(([x, y]) => `${px(x)},${py(y)}`).join(" ")}
        >
          <title>{curve.name}</title>
        </polyline>
      ))}
    </Plot>
  );
}
