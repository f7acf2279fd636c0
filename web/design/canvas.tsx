import { effect } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { openPhoto } from "./background";
import { darkened } from "../shared/theme";
import { Board } from "./board";
import type { Region } from "./questions";
import { layout, selected } from "./state";
import { fit, view, zoomBy } from "./view";

export function Canvas({ onRegion }: { onRegion(region: Region): void }) {
  const frame = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const board = new Board(frame.current!, onRegion);
    const stop = effect(() => {
      view.value; // what the board reads besides
      darkened.value;
      board.draw();
    });
    return () => {
      stop();
      board.destroy();
    };
  }, []);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (file) void openPhoto(file);
  };
  return (
    <div class="frame">
      <div
        class="board"
        ref={frame}
        tabIndex={0}
        role="application"
        onDrop={drop}
        onDragOver={(event) => event.preventDefault()}
        aria-label={`Canvas with ${layout.value.boxes.length} boxes, ${selected.value.size} selected. The list of objects has them in words; arrow keys move what is selected.`}
      />
      <div class="row zoom">
        <button class="quiet" onClick={() => zoomBy(0.8)} disabled={view.value.zoom === 1} aria-label="Zoom out">
          −
        </button>
        <button class="quiet number" onClick={fit} title="Fit (0)">
          {Math.round(view.value.zoom * 100)}%
        </button>
        <button class="quiet" onClick={() => zoomBy(1.25)} aria-label="Zoom in">
          +
        </button>
      </div>
    </div>
  );
}
