/** The drawing board: shows boxes with Konva and turns what the pointer does into actions. */
import Konva from "konva/lib/Core";
import { Image as Picture } from "konva/lib/shapes/Image";
import { Rect } from "konva/lib/shapes/Rect";
import { Transformer } from "konva/lib/shapes/Transformer";
import { OUTCOME_COLOURS } from "../shared/outcomes";
import { darkened } from "../shared/theme";
import { addBox, put, select } from "./actions";
import { photo, photoStrength } from "./background";
import { boxesVisible, current, key, outcomes, pictureVisible, work } from "./generation";
import { type Box, moved, snapped } from "./layout";
import type { Region } from "./questions";
import { extraBox, nameOf } from "./shapes";
import { colorOf, label, layout, model, selected, step, tool } from "./state";
import { panBy, placement, view, zoomBy } from "./view";
import { warnings } from "./checks";

const CLICK = 4; // screen pixels within which a press is no drag
const NAMED = 150; // boxes up to which all of them bear their names

export class Board {
  private readonly stage: Konva.Stage;
  private readonly content = new Konva.Group();
  private readonly paper = new Rect({ shadowColor: "#000", shadowOpacity: 0.2, shadowBlur: 14 });
  private readonly photo = new Picture({ image: undefined, listening: false });
  private readonly picture = new Picture({ image: undefined, listening: false });
  private readonly boxes = new Konva.Group();
  private readonly names = new Konva.Group({ listening: false });
  private readonly rubber = new Rect({
    visible: false,
    listening: false,
    strokeScaleEnabled: false,
    stroke: "#3346c8",
    dash: [5, 4],
    fill: "rgb(51 70 200 / 12%)",
  });
  private readonly handles = new Transformer({
    rotateEnabled: false,
    keepRatio: false,
    flipEnabled: false,
    ignoreStroke: true,
    anchorSize: 9,
    anchorCornerRadius: 2,
    anchorStroke: "#3346c8",
    borderStroke: "#3346c8",
    padding: 0,
  });
  private readonly nodes = new Map<number, Rect>();
  private readonly observer: ResizeObserver;
  private press: { x: number; y: number; shift: boolean } | null = null;
  private shownUrl = "";

  constructor(
    private readonly frame: HTMLDivElement,
    private readonly onRegion: (region: Region) => void,
  ) {
    this.stage = new Konva.Stage({ container: frame, width: frame.clientWidth, height: frame.clientHeight });
    const layer = new Konva.Layer();
    this.content.add(this.paper, this.photo, this.picture, this.boxes, this.names, this.rubber);
    layer.add(this.content, this.handles);
    this.stage.add(layer);
    this.stage.on("pointerdown", (event) => this.down(event));
    this.stage.on("pointermove", () => this.drag());
    addEventListener("pointerup", this.up);
    this.handles.on("transformend", () => this.commit());
    this.handles.on("transform", () => this.placeNames());
    frame.addEventListener("wheel", this.wheel, { passive: false });
    this.observer = new ResizeObserver(() => {
      this.stage.size({ width: frame.clientWidth, height: frame.clientHeight });
      this.place();
    });
    this.observer.observe(frame);
  }

  destroy(): void {
    removeEventListener("pointerup", this.up);
    this.observer.disconnect();
    this.stage.destroy();
  }

  /** Fit the layout into the frame. */
  place(): void {
    const { scale, x, y } = placement(this.stage.size(), layout.value);
    this.content.position({ x, y });
    this.content.scale({ x: scale, y: scale });
    this.frame.dataset.placement = JSON.stringify({ scale, x, y });
    this.placeNames();
  }

  /** Show everything as it is now; called whenever something of it changes. */
  draw(): void {
    const { width, height, boxes } = layout.value;
    this.paper.setAttrs({ width, height, fill: darkened.value ? "#33363e" : "#ffffff" });
    this.photo.setAttrs({
      image: photo.value ?? undefined,
      width,
      height,
      opacity: photoStrength.value,
      visible: photo.value !== null,
    });
    this.showPicture(width, height);
    this.stage.container().style.cursor = tool.value === "select" ? "default" : "crosshair";
    const said = model.value ? warnings(layout.value, model.value) : new Map<number, string[]>();
    const there = new Set(boxes.map((box) => box.id));
    for (const [id, node] of this.nodes) {
      if (!there.has(id)) {
        node.destroy();
        this.nodes.delete(id);
      }
    }
    boxes.forEach((box, at) => this.drawBox(box, at, said.has(box.id)));
    this.drawExtra();
    for (const part of [this.boxes, this.names, this.handles]) part.visible(boxesVisible.value);
    this.handles.nodes([...selected.value].map((id) => this.nodes.get(id)).filter((node) => node !== undefined));
    this.place();
  }

  private showPicture(width: number, height: number): void {
    const url = work.value?.preview ?? (pictureVisible.value ? current.value?.url : undefined) ?? "";
    this.picture.size({ width, height });
    this.picture.visible(url !== "");
    if (url === this.shownUrl) return;
    this.shownUrl = url;
    if (!url) return;
    const image = new Image();
    image.src = url;
    void image.decode().then(
      () => {
        if (this.shownUrl === url) this.picture.image(image);
      },
      () => undefined,
    );
  }

  private drawBox(box: Box, at: number, warned: boolean): void {
    const node = this.nodes.get(box.id) ?? this.makeNode(box.id);
    const evaluated = outcomes.value?.get(key(box.label, [box.x0, box.y0, box.x1, box.y1]));
    const colour =
      (pictureVisible.value && evaluated?.outcome && OUTCOME_COLOURS[evaluated.outcome]) || colorOf(box.label);
    node.setAttrs({
      x: box.x0,
      y: box.y0,
      width: box.x1 - box.x0,
      height: box.y1 - box.y0,
      scaleX: 1,
      scaleY: 1,
      stroke: colour,
      strokeWidth: selected.value.has(box.id) ? 3 : 2,
      dash: warned ? [7, 4] : [],
      fill: this.picture.visible() ? "rgb(0 0 0 / 0.1%)" : `${colour}38`,
      draggable: tool.value === "select",
    });
    if (node.index !== at) node.zIndex(at);
  }

  private makeNode(id: number): Rect {
    const node = new Rect({ strokeScaleEnabled: false, perfectDrawEnabled: false });
    node.on("dragmove", () => this.placeNames());
    node.on("dragend", () => this.commit());
    this.nodes.set(id, node);
    this.boxes.add(node);
    return node;
  }

  /** What the detector saw and nobody asked for. */
  private drawExtra(): void {
    for (const node of this.boxes.find(".extra")) node.destroy();
    if (!pictureVisible.value || !outcomes.value) return;
    for (const one of outcomes.value.values()) {
      if (one.outcome === "extra" || one.outcome === "duplicate") this.boxes.add(extraBox(one));
    }
  }

  /** Names above boxes, as large on the screen at every zoom. */
  private placeNames(): void {
    this.names.destroyChildren();
    const scale = this.content.scaleX();
    const all = layout.value.boxes.length <= NAMED;
    for (const box of layout.value.boxes) {
      const node = this.nodes.get(box.id);
      if (!node || (!all && !selected.value.has(box.id))) continue;
      this.names.add(nameOf(node, box.label, scale));
    }
  }

  private pointer(): { x: number; y: number } {
    return this.content.getRelativePointerPosition() ?? { x: 0, y: 0 };
  }

  private down(event: Konva.KonvaEventObject<PointerEvent>): void {
    this.frame.focus({ preventScroll: true });
    if (event.evt.button !== 0 || event.target.findAncestor("Transformer")) return;
    const id = this.idAt(event.target);
    const additive = event.evt.shiftKey;
    if (tool.value === "select" && id !== undefined) {
      if (additive)
        select(selected.value.has(id) ? [...selected.value].filter((one) => one !== id) : [...selected.value, id]);
      else if (!selected.value.has(id)) select([id]);
      return;
    }
    this.press = { ...this.pointer(), shift: additive };
  }

  private idAt(target: Konva.Node): number | undefined {
    for (const [id, node] of this.nodes) if (node === target) return id;
    return undefined;
  }

  private drag(): void {
    if (!this.press) return;
    const [x0, y0, x1, y1] = this.region();
    this.rubber.setAttrs({
      x: x0,
      y: y0,
      width: x1 - x0,
      height: y1 - y0,
      visible: true,
      stroke: tool.value === "draw" ? colorOf(label.value) : "#3346c8",
    });
  }

  private region(): Region {
    const { x, y } = this.pointer();
    const { x: px, y: py } = this.press!;
    return [Math.min(x, px), Math.min(y, py), Math.max(x, px), Math.max(y, py)];
  }

  private readonly up = (event: PointerEvent): void => {
    if (!this.press) return;
    this.stage.setPointersPositions(event);
    const [x0, y0, x1, y1] = this.region();
    const { shift } = this.press;
    this.press = null;
    this.rubber.visible(false);
    const scale = this.content.scaleX();
    if (Math.max(x1 - x0, y1 - y0) * scale < CLICK) {
      const hit = this.stage.getIntersection(this.stage.getPointerPosition()!);
      const id = hit ? this.idAt(hit) : undefined;
      select(id === undefined ? [] : [id]);
    } else if (tool.value === "draw") {
      addBox({ label: label.value, x0, y0, x1, y1 });
    } else if (tool.value === "scatter") {
      this.onRegion([x0, y0, x1, y1]);
    } else {
      const inside = layout.value.boxes
        .filter((b) => b.x0 < x1 && b.x1 > x0 && b.y0 < y1 && b.y1 > y0)
        .map((b) => b.id);
      select(shift ? [...selected.value, ...inside] : inside);
    }
  };

  /** Take over what was dragged or resized: in whole steps, and inside the canvas. */
  private commit(): void {
    const changed: Box[] = [];
    let resizedAny = false;
    for (const box of layout.value.boxes) {
      const node = selected.value.has(box.id) ? this.nodes.get(box.id) : undefined;
      if (!node) continue;
      const x1 = node.x() + node.width() * node.scaleX();
      const y1 = node.y() + node.height() * node.scaleY();
      resizedAny ||= node.scaleX() !== 1 || node.scaleY() !== 1;
      changed.push({ ...box, x0: node.x(), y0: node.y(), x1, y1 });
    }
    if (!changed.some((box) => this.differs(box))) return;
    put(resizedAny ? changed.map((box) => snapped(box, layout.value, step.value)) : this.dropped(changed));
    this.draw(); // also where nothing changed after rounding
  }

  private differs(box: Box): boolean {
    const before = layout.value.boxes.find((one) => one.id === box.id)!;
    return (
      Math.abs(before.x0 - box.x0) +
        Math.abs(before.y0 - box.y0) +
        Math.abs(before.x1 - box.x1) +
        Math.abs(before.y1 - box.y1) >
      0.01
    );
  }

  /** Boxes that were moved: by the same whole steps, sizes as they were. */
  private dropped(boxes: Box[]): Box[] {
    const before = layout.value.boxes.filter((one) => selected.value.has(one.id));
    const by = (now: number, was: number) => Math.round(now / step.value) * step.value - was;
    const first = before[0];
    const now = boxes.find((box) => box.id === first.id)!;
    return moved(before, layout.value, by(now.x0, first.x0), by(now.y0, first.y0));
  }

  private readonly wheel = (event: WheelEvent): void => {
    event.preventDefault();
    const bounds = this.frame.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) {
      zoomBy(
        event.deltaY < 0 ? 1.15 : 1 / 1.15,
        event.clientX - bounds.left - bounds.width / 2,
        event.clientY - bounds.top - bounds.height / 2,
      );
    } else if (view.value.zoom > 1) panBy(-event.deltaX, -event.deltaY);
  };
}
