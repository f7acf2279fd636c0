/** What boxes look like on the board. */
import type Konva from "konva/lib/Core";
import { Label, Tag } from "konva/lib/shapes/Label";
import { Rect } from "konva/lib/shapes/Rect";
import { Text } from "konva/lib/shapes/Text";
import { OUTCOME_COLOURS } from "../shared/outcomes";
import type { Evaluated } from "./api";

/** What the detector saw and nobody asked for. */
export function extraBox({ xyxy: [x0, y0, x1, y1] }: Evaluated): Rect {
  return new Rect({
    name: "extra",
    x: x0,
    y: y0,
    width: x1 - x0,
    height: y1 - y0,
    stroke: OUTCOME_COLOURS.extra,
    strokeWidth: 2,
    dash: [2, 3],
    strokeScaleEnabled: false,
    listening: false,
  });
}

/** The name of a box above it, or inside where there is no room, as large on the screen at every zoom. */
export function nameOf(node: Rect, text: string, scale: number): Konva.Group {
  const name = new Label({ x: node.x(), y: node.y(), scaleX: 1 / scale, scaleY: 1 / scale });
  name.add(
    new Tag({ fill: String(node.stroke()) }),
    new Text({ text, fontSize: 11, padding: 2, fill: "#000", fontFamily: "system-ui, sans-serif" }),
  );
  name.offsetY(node.y() * scale > name.height() ? name.height() : 0);
  return name;
}
