/** All pictures as tiles; only the rows in view exist, so that thousands scroll as ten do. */
import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { evaluated, isAsked, isMatched, type Picture, thumbnail } from "./data";
import { colourOf, dashesOf, drawn, opened, shown, tileSide } from "./state";

const GAP = 12;
const CAPTION = 48;
const MARGIN_ROWS = 2;
const MANY = 60;

export function Grid() {
  const frame = useRef<HTMLDivElement>(null);
  const width = useSignal(0);
  const height = useSignal(0);
  const top = useSignal(0);
  useLayoutEffect(() => {
    const element = frame.current!;
    const measure = () => {
      width.value = element.clientWidth - 2 * GAP;
      height.value = element.clientHeight;
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const list = shown.value;
  useEffect(() => {
    frame.current!.scrollTop = 0;
  }, [list]);

  const columns = Math.max(1, Math.floor((width.value + GAP) / (Math.min(tileSide.value, width.value) + GAP)));
  const side = Math.max(1, Math.floor((width.value - (columns - 1) * GAP) / columns));
  const row = side + CAPTION + GAP;
  const rows = Math.ceil(list.length / columns);
  const first = Math.max(0, Math.floor(top.value / row) - MARGIN_ROWS);
  const last = Math.min(rows, Math.ceil((top.value + height.value) / row) + MARGIN_ROWS);
  const tiles = list.slice(first * columns, last * columns);

  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    const current = (event.target as HTMLElement).closest<HTMLElement>("[data-place]");
    if (!step || !current) return;
    event.preventDefault();
    const place = Math.min(list.length - 1, Math.max(0, Number(current.dataset.place) + step));
    focusTile(frame.current!, place, Math.floor(place / columns) * row, row);
  };

  return (
    <div
      class="grid"
      ref={frame}
      onScroll={(event) => (top.value = event.currentTarget.scrollTop)}
      onKeyDown={onKeyDown}
      role="list"
      aria-label="Images"
    >
      {list.length === 0 && <p class="nothing">No image is like that. Take a filter away.</p>}
      <div class="rows" style={{ height: `${rows * row}px` }}>
        {width.value > 0 &&
          tiles.map((picture, at) => {
            const place = first * columns + at;
            const x = GAP + (place % columns) * (side + GAP);
            return (
              <Tile
                key={picture.index}
                picture={picture}
                place={place}
                side={side}
                x={x}
                y={GAP + Math.floor(place / columns) * row}
              />
            );
          })}
      </div>
    </div>
  );
}

/** Scroll to a tile, which may not exist yet, and put the focus on it. */
function focusTile(frame: HTMLElement, place: number, y: number, row: number): void {
  if (y < frame.scrollTop) frame.scrollTop = y;
  else if (y + row > frame.scrollTop + frame.clientHeight) frame.scrollTop = y + row - frame.clientHeight;
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      frame.querySelector<HTMLElement>(`[data-place="${place}"] button`)?.focus({ preventScroll: true });
    }),
  );
}

interface TileProps {
  picture: Picture;
  place: number;
  side: number;
  x: number;
  y: number;
}

function Tile({ picture, place, side, x, y }: TileProps) {
  const scale = side / Math.max(picture.width, picture.height);
  const asked = picture.boxes.filter(isAsked).length;
  const matched = picture.boxes.filter(isMatched).length;
  const says = evaluated ? `${matched} of ${asked} matched, ${picture.errors} errors` : `${asked} objects`;
  const source = thumbnail(picture);
  const width = Math.round(picture.width * scale);
  const height = Math.round(picture.height * scale);
  return (
    <div
      class="tile"
      role="listitem"
      data-place={place}
      style={{ width: `${side}px`, transform: `translate(${x}px, ${y}px)` }}
    >
      <button
        class="picture"
        style={{ height: `${side}px` }}
        onClick={() => (opened.value = place)}
        aria-label={`${picture.name}: ${says}. Open`}
      >
        <span class="inner" style={{ width: `${width}px`, height: `${height}px` }}>
          {source && <img src={source} alt="" loading="lazy" decoding="async" width={width} height={height} />}
          <BoxCanvas picture={picture} width={width} height={height} />
        </span>
      </button>
      <div class="caption">
        <span class="name" title={picture.name}>
          {picture.name}
        </span>
        {evaluated ? (
          <span class="number">
            <span class={picture.errors ? "verdict wrong" : "verdict right"}>
              {picture.errors ? `${picture.errors} wrong` : "all right"}
            </span>{" "}
            <span class="soft">
              {matched} of {asked}
            </span>
          </span>
        ) : (
          <span class="soft number">
            {asked} {asked === 1 ? "object" : "objects"}
          </span>
        )}
      </div>
    </div>
  );
}

/** Boxes on a tile: pixels, because hundreds of elements on each of many tiles would be slow. */
function BoxCanvas({ picture, width, height }: { picture: Picture; width: number; height: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const boxes = drawn(picture.boxes);
  const ratio = Math.min(2, devicePixelRatio || 1);
  useLayoutEffect(() => {
    const context = canvas.current!.getContext("2d")!;
    const scale = (width * ratio) / picture.width;
    context.clearRect(0, 0, width * ratio, height * ratio);
    // A dark seam keeps lines visible on any picture; where boxes are many, it would hide the picture.
    for (const pass of boxes.length > MANY ? [1] : [0, 1]) {
      context.lineWidth = (pass ? (boxes.length > MANY ? 1 : 1.5) : 3) * ratio;
      for (const box of boxes) {
        const [x0, y0, x1, y1] = box.corners;
        context.strokeStyle = pass ? colourOf(box) : "rgb(0 0 0 / 55%)";
        context.setLineDash(
          pass
            ? dashesOf(box)
                .split(" ")
                .filter(Boolean)
                .map((n) => (Number(n) * ratio) / 1.5)
            : [],
        );
        context.strokeRect(x0 * scale, y0 * scale, (x1 - x0) * scale, (y1 - y0) * scale);
      }
    }
  });
  return <canvas ref={canvas} width={Math.round(width * ratio)} height={Math.round(height * ratio)} />;
}
