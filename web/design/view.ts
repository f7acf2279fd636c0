/** Where the layout lies on the screen: fitted into its frame, times the zoom. */
import { signal } from "@preact/signals";

export interface View {
  zoom: number;
  x: number;
  y: number;
}
export interface Placement {
  scale: number;
  x: number;
  y: number;
}

export const view = signal<View>({ zoom: 1, x: 0, y: 0 });

const PADDING = 20;
const MOST = 20;

/** Screen pixels per layout pixel, and where its corner is. `view.x` and `y` are how far it was moved. */
export function placement(
  frame: { width: number; height: number },
  canvas: { width: number; height: number },
): Placement {
  const fit = Math.min((frame.width - 2 * PADDING) / canvas.width, (frame.height - 2 * PADDING) / canvas.height);
  const scale = Math.max(0.01, fit * view.value.zoom);
  return {
    scale,
    x: (frame.width - canvas.width * scale) / 2 + view.value.x,
    y: (frame.height - canvas.height * scale) / 2 + view.value.y,
  };
}

/** Zoom so that the point at (x, y), measured from the middle of the frame, stays where it is. */
export function zoomBy(factor: number, x = 0, y = 0): void {
  const zoom = Math.min(MOST, Math.max(1, view.value.zoom * factor));
  if (zoom === 1) return fit();
  const by = zoom / view.value.zoom;
  view.value = { zoom, x: x - (x - view.value.x) * by, y: y - (y - view.value.y) * by };
}

export function panBy(dx: number, dy: number): void {
  if (view.value.zoom > 1) view.value = { ...view.value, x: view.value.x + dx, y: view.value.y + dy };
}

export function fit(): void {
  view.value = { zoom: 1, x: 0, y: 0 };
}
