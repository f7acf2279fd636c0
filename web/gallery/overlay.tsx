/** Boxes over a large picture: each can be pointed at and reached by the keyboard. */
import { useSignal } from "@preact/signals";
import { type Box, labels, outcomeName, type Picture } from "./data";
import { colourOf, dashesOf } from "./state";

interface Props {
  picture: Picture;
  boxes: Box[];
  /** Screen pixels per pixel of the layout, so that lines stay thin when zoomed. */
  scale: number;
  /** Fill the boxes: there is no picture below. */
  filled?: boolean;
  active: Box | null;
  onActive(box: Box | null): void;
}

export function Overlay({ picture, boxes, scale, filled, active, onActive }: Props) {
  const pointer = useSignal<[number, number]>([0, 0]);
  const line = 1 / scale;
  // Large ones first: a small box inside a large one can still be pointed at.
  const ordered = [...boxes].sort((a, b) => area(b) - area(a));
  return (
    <svg
      class="overlay"
      viewBox={`0 0 ${picture.width} ${picture.height}`}
      role="group"
      aria-label={`${boxes.length} boxes`}
      onPointerLeave={() => onActive(null)}
    >
      {ordered.map((box) => {
        const [x0, y0, x1, y1] = box.corners;
        const shape = { x: x0, y: y0, width: Math.max(0, x1 - x0), height: Math.max(0, y1 - y0) };
        const dashes = dashesOf(box)
          .split(" ")
          .filter(Boolean)
          .map((n) => Number(n) * line)
          .join(" ");
        return (
          <g
            key={`${x0} ${y0} ${x1} ${y1} ${box.label} ${box.outcome}`}
            class={box === active ? "box active" : "box"}
            tabIndex={-1}
            role="img"
            aria-label={describe(box)}
            data-label={labels[box.label].name}
            onPointerMove={(event) => {
              pointer.value = [event.clientX, event.clientY];
              onActive(box);
            }}
            onFocus={() => onActive(box)}
          >
            <title>{describe(box)}</title>
            <rect
              {...shape}
              fill={colourOf(box)}
              fill-opacity={filled ? 0.35 : box === active ? 0.25 : 0}
              stroke="#000"
              stroke-opacity="0.55"
              stroke-width={4 * line}
            />
            <rect
              {...shape}
              fill="none"
              stroke={colourOf(box)}
              stroke-width={(box === active ? 3 : 2) * line}
              stroke-dasharray={dashes}
            />
          </g>
        );
      })}
      {active?.found && active.outcome > 0 && <FoundBox box={active} line={line} />}
    </svg>
  );
}

function FoundBox({ box, line }: { box: Box; line: number }) {
  const [x0, y0, x1, y1] = box.found!.corners;
  return (
    <rect
      x={x0}
      y={y0}
      width={x1 - x0}
      height={y1 - y0}
      fill="none"
      stroke="#fff"
      stroke-width={2 * line}
      stroke-dasharray={`${4 * line} ${4 * line}`}
      pointer-events="none"
    />
  );
}

function area(box: Box): number {
  return (box.corners[2] - box.corners[0]) * (box.corners[3] - box.corners[1]);
}

/** All that is known of a box, on one line. */
export function describe(box: Box): string {
  const [x0, y0, x1, y1] = box.corners.map((value) => Math.round(value));
  const parts = [labels[box.label].name, outcomeName(box)];
  if (box.found) {
    if (box.found.label !== box.label) parts.push(`seen as ${labels[box.found.label].name}`);
    parts.push(`score ${box.found.score.toFixed(2)}`);
    if (box.found.iou !== null) parts.push(`IoU ${box.found.iou.toFixed(2)}`);
  }
  parts.push(`${x1 - x0} x ${y1 - y0} px at ${x0}, ${y0}`);
  return parts.filter(Boolean).join(" · ");
}
