import { computed, signal } from "@preact/signals";

/** "" follows the system. Kept for the next visit, where the browser lets a page keep anything. */
const theme = signal<"" | "light" | "dark">(stored());

function stored(): "" | "light" | "dark" {
  try {
    const value = localStorage.getItem("layoutgen-theme");
    return value === "light" || value === "dark" ? value : "";
  } catch {
    return "";
  }
}

const system = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(system.matches);
system.addEventListener("change", (event) => (systemIsDark.value = event.matches));

/** Whether the page is dark now. */
export const darkened = computed(() => (theme.value ? theme.value === "dark" : systemIsDark.value));

function apply(): void {
  if (theme.value) document.documentElement.dataset.theme = theme.value;
  else delete document.documentElement.dataset.theme;
}

function toggle(): void {
  theme.value = darkened.value ? "light" : "dark";
  apply();
  try {
    localStorage.setItem("layoutgen-theme", theme.value);
  } catch {
    // Pages from disk may not keep anything.
  }
}

apply();

export function ThemeButton() {
  const next = darkened.value ? "light" : "dark";
  return (
    <button class="quiet" onClick={toggle} aria-label={`Use ${next} colours`} title={`Use ${next} colours`}>
      <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
        <circle cx="8" cy="8" r="6.5" fill="none" stroke="currentColor" stroke-width="1.5" />
        <path d="M8 1.5a6.5 6.5 0 0 1 0 13z" fill="currentColor" />
      </svg>
    </button>
  );
}
