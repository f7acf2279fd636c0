/** One picture, large: zoom, its boxes as a list, and beside it its layout or the same picture of another run. */
import { signal, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Copyable } from "../shared/copyable";
import { type Box, compared, evaluated, isWrong, labels, outcomeName, outcomes, type Picture } from "./data";
import { describe, Overlay } from "./overlay";
import { boxesShown, colourOf, drawn, opened, shown } from "./state";

type Beside = "alone" | "layout" | "other";
const beside = signal<Beside>(compared ? "other" : "alone");
const zoom = signal(1);

export function Viewer() {
  const dialog = useRef<HTMLDialogElement>(null);
  const place = opened.value;
  const picture = place === null ? undefined : shown.value[place];
  useEffect(() => {
    if (picture && !dialog.current!.open) dialog.current!.showModal();
    if (!picture && dialog.current!.open) dialog.current!.close();
  }, [picture]);
  return (
    <dialog
      class="viewer"
      ref={dialog}
      onClose={() => (opened.value = null)}
      onKeyDown={onKeyDown}
      aria-label={picture ? picture.name : "Image"}
    >
      {picture && <Opened picture={picture} place={place!} />}
    </dialog>
  );
}

export function step(by: number): void {
  if (opened.value === null) return;
  opened.value = Math.min(shown.value.length - 1, Math.max(0, opened.value + by));
}

function onKeyDown(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const action: (() => void) | undefined = {
    ArrowRight: () => step(1),
    ArrowLeft: () => step(-1),
    Home: () => step(-Infinity),
    End: () => step(Infinity),
    "+": () => zoomBy(1.25),
    "=": () => zoomBy(1.25),
    "-": () => zoomBy(0.8),
    "0": () => (zoom.value = 1),
    b: () => (boxesShown.value = !boxesShown.value),
    s: nextBeside,
  }[event.key];
  if (!action || (event.target as HTMLElement).matches("input, select")) return;
  event.preventDefault();
  event.stopPropagation();
  action();
}

function zoomBy(factor: number): void {
  zoom.value = Math.min(16, Math.max(1, zoom.value * factor));
}

function nextBeside(): void {
  const choices: Beside[] = compared ? ["alone", "layout", "other"] : ["alone", "layout"];
  beside.value = choices[(choices.indexOf(beside.value) + 1) % choices.length];
}

function Opened({ picture, place }: { picture: Picture; place: number }) {
  const active = useSignal<Box | null>(null);
  useEffect(() => {
    zoom.value = 1;
    active.value = null;
  }, [picture]);
  const boxes = drawn(picture.boxes);
  const say = (box: Box | null) => (active.value = box);
  return (
    <div class="opened">
      <header class="row">
        <button class="quiet" onClick={() => step(-1)} disabled={place === 0} aria-label="Image before">
          &larr;
        </button>
        <button
          class="quiet"
          onClick={() => step(1)}
          disabled={place === shown.value.length - 1}
          aria-label="Next image"
        >
          &rarr;
        </button>
        <h2 title={picture.name}>{picture.name}</h2>
        <span class="soft number">
          {(place + 1).toLocaleString("en")} of {shown.value.length.toLocaleString("en")}
        </span>
        <span class="spacer" />
        <label class="row">
          <span>Beside it</span>
          <select value={beside.value} onChange={(event) => (beside.value = event.currentTarget.value as Beside)}>
            <option value="alone">nothing</option>
            <option value="layout">its layout</option>
            {compared && <option value="other">{compared}</option>}
          </select>
        </label>
        <button
          class="boxbutton"
          aria-pressed={boxesShown.value}
          onClick={() => (boxesShown.value = !boxesShown.value)}
        >
          Boxes
        </button>
        <button class="quiet close" onClick={() => (opened.value = null)} aria-label="Close">
          &times;
        </button>
      </header>
      <div class="views">
        <View
          picture={picture}
          boxes={boxes}
          active={active.value}
          onActive={say}
          title={beside.value === "alone" ? undefined : "here"}
        />
        {beside.value === "layout" && (
          <View picture={picture} boxes={boxes} active={active.value} onActive={say} drawing />
        )}
        {beside.value === "other" &&
          (picture.other ? (
            <View
              picture={picture.other}
              boxes={drawn(picture.other.boxes)}
              active={active.value}
              onActive={say}
              title={compared}
            />
          ) : (
            <p class="nothing">{compared} has no image of this name.</p>
          ))}
      </div>
      <aside>
        <p class="pointed" aria-live="polite">
          {active.value ? describe(active.value) : "Point at a box to see what it is."}
        </p>
        <BoxList boxes={boxes} active={active.value} onActive={say} />
        <div class="stack about">
          {picture.prompt && (
            <p>
              <span class="soft">Prompt:</span> {picture.prompt}
            </p>
          )}
          {picture.file && (
            <p>
              <a href={picture.file} target="_blank" rel="noreferrer">
                Open the file
              </a>
              <span class="soft number">
                {" "}
                {picture.width} x {picture.height}
              </span>
            </p>
          )}
          {picture.command && (
            <>
              <h3>Make it again</h3>
              <Copyable text={picture.command} label="command" />
            </>
          )}
        </div>
      </aside>
    </div>
  );
}

interface ViewProps {
  picture: Picture;
  boxes: Box[];
  active: Box | null;
  onActive(box: Box | null): void;
  drawing?: boolean;
  title?: string;
}

/** A picture as large as there is room, times the zoom; all views of a pair scroll together. */
function View({ picture, boxes, active, onActive, drawing, title }: ViewProps) {
  const frame = useRef<HTMLDivElement>(null);
  const room = useSignal<[number, number]>([0, 0]);
  useLayoutEffect(() => {
    const element = frame.current!;
    const measure = () => (room.value = [element.clientWidth, element.clientHeight]);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const [width, height] = room.value;
  const scale = Math.max(0.001, Math.min(width / picture.width, height / picture.height)) * zoom.value;
  const size = { width: `${picture.width * scale}px`, height: `${picture.height * scale}px` };
  const onWheel = (event: WheelEvent) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomBy(event.deltaY < 0 ? 1.15 : 1 / 1.15);
  };
  const onScroll = (event: Event) => {
    const from = event.currentTarget as HTMLElement;
    for (const other of document.querySelectorAll<HTMLElement>(".viewer .view")) {
      if (other !== from) other.scrollTo(from.scrollLeft, from.scrollTop);
    }
  };
  return (
    <figure>
      {(title || drawing) && <figcaption class="soft">{drawing ? "Layout" : title}</figcaption>}
      <div class="view" ref={frame} onWheel={onWheel} onScroll={onScroll}>
        {width > 0 && (
          <div class={drawing ? "inner paper" : "inner"} style={size}>
            {!drawing && picture.url && <img src={picture.url} alt={picture.prompt || picture.name} decoding="async" />}
            <Overlay
              picture={picture}
              boxes={boxes}
              scale={scale}
              filled={drawing || !picture.url}
              active={active}
              onActive={onActive}
            />
          </div>
        )}
      </div>
    </figure>
  );
}

interface ListProps {
  boxes: Box[];
  active: Box | null;
  onActive(box: Box | null): void;
}

/** The boxes in words, what is wrong first. */
function BoxList({ boxes, active, onActive }: ListProps) {
  const ordered = evaluated ? [...boxes].sort((a, b) => Number(isWrong(b)) - Number(isWrong(a))) : boxes;
  return (
    <ul class="boxes" aria-label="Boxes">
      {ordered.map((box, at) => (
        <li key={at}>
          <button
            class={box === active ? "quiet active" : "quiet"}
            onFocus={() => onActive(box)}
            onPointerEnter={() => onActive(box)}
          >
            <span class="swatch" style={{ background: colourOf(box) }} />
            <span class="name">{labels[box.label].name}</span>
            <span class={`outcome ${outcomes[box.outcome] ?? ""}`}>{outcomeName(box)}</span>
            <span class="soft number">{box.found ? box.found.score.toFixed(2) : ""}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
