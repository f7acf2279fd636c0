/** The keyboard. Fields keep their own keys; so does an open dialog. */
import { asText, duplicate, grow, move, remove, select } from "./actions";
import { pasteText } from "./dialogs";
import { openDialog } from "./questions";
import { openPhoto } from "./background";
import { boxesVisible, paint, pictureVisible } from "./generation";
import { layout, redo, say, step, tool, undo } from "./state";
import { saveNow } from "./saving";
import { fit, zoomBy } from "./view";

const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

const WITH_CONTROL: Record<string, () => void> = {
  z: undo,
  y: redo,
  Z: redo,
  d: duplicate,
  a: () => select(layout.value.boxes.map((box) => box.id)),
};

const PLAIN: Record<string, () => void> = {
  v: () => (tool.value = "select"),
  b: () => (tool.value = "draw"),
  g: () => (tool.value = "scatter"),
  Delete: remove,
  Backspace: remove,
  Escape: () => select([]),
  p: () => (pictureVisible.value = !pictureVisible.value),
  h: () => (boxesVisible.value = !boxesVisible.value),
  "+": () => zoomBy(1.25),
  "=": () => zoomBy(1.25),
  "-": () => zoomBy(0.8),
  "0": fit,
  "?": () => openDialog({ kind: "keys" }),
};

export function listen(): void {
  addEventListener("keydown", onKeyDown);
  addEventListener("copy", (event) => {
    if (isField(event.target) || !getSelection()?.isCollapsed) return;
    event.preventDefault();
    event.clipboardData?.setData("text/plain", asText());
    say("Copied as text");
  });
  addEventListener("paste", (event) => {
    if (isField(event.target)) return;
    const image = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (image) void openPhoto(image);
    else if (text) void pasteText(text);
  });
}

function isField(target: EventTarget | null): boolean {
  return (
    target instanceof Element &&
    target.matches("input:not([type=checkbox]):not([type=range]), textarea, select, dialog *")
  );
}

function onKeyDown(event: KeyboardEvent): void {
  if (document.querySelector("dialog[open]")) return;
  const control = event.ctrlKey || event.metaKey;
  if (control && event.key === "s") return take(event, () => saveNow(false));
  if (control && event.key === "Enter") return take(event, () => void paint());
  if (isField(event.target)) return;
  const arrow = ARROWS[event.key];
  const inMenu = event.target instanceof Element && event.target.matches("input[type=range]");
  if (arrow && !control && !inMenu) {
    const by = event.altKey ? 1 : step.value;
    return take(event, () => (event.shiftKey ? grow : move)(arrow[0] * by, arrow[1] * by));
  }
  const action = control ? WITH_CONTROL[event.key] : event.altKey ? undefined : PLAIN[event.key];
  if (action) take(event, action);
}

function take(event: KeyboardEvent, action: () => void): void {
  event.preventDefault();
  action();
}
