/** A photo to trace from. It stays in the page: the server never sees it. */
import { signal } from "@preact/signals";
import { edit } from "./actions";
import { say } from "./state";

export const photo = signal<HTMLImageElement | null>(null);
export const photoStrength = signal(0.6);

export async function openPhoto(file: Blob): Promise<void> {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await image.decode();
  } catch {
    say("This file is no image that the browser can show.", true);
    return;
  }
  photo.value = image;
}

/** Make the canvas as large as the photo, but not larger than a model can paint in reasonable time. */
export function canvasOfPhoto(most = 1024): void {
  if (!photo.value) return;
  const { naturalWidth, naturalHeight } = photo.value;
  const scale = Math.min(1, most / Math.max(naturalWidth, naturalHeight));
  const whole = (value: number) => Math.max(64, Math.round((value * scale) / 8) * 8);
  edit({ width: whole(naturalWidth), height: whole(naturalHeight) });
}
