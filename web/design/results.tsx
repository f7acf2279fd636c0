/** The pictures so far: one under the boxes, all as a strip, or several side by side. */
import { comparing, type Result, results, seed, shown } from "./generation";

function name(result: Result): string {
  return `Seed ${result.seed}, ${result.painted.instances.length} boxes`;
}

function show(result: Result): void {
  shown.value = result.picture;
  seed.value = result.seed;
}

export function Strip() {
  if (!results.value.length) return null;
  return (
    <div class="strip" role="group" aria-label="Pictures">
      {results.value.map((result) => (
        <button
          key={result.picture}
          aria-pressed={shown.value === result.picture}
          onClick={() => show(result)}
          title={name(result)}
          aria-label={name(result)}
        >
          <img src={result.url} alt="" />
        </button>
      ))}
      <span class="spacer" />
      <div class="stack tools">
        <button
          aria-pressed={comparing.value}
          disabled={results.value.length < 2}
          onClick={() => (comparing.value = !comparing.value)}
        >
          Side by side
        </button>
        <Download />
      </div>
    </div>
  );
}

function Download() {
  const result = results.value.find((one) => one.picture === shown.value);
  if (!result) return null;
  return (
    <a
      class="button"
      href={result.url}
      download={`layout_${result.seed}.png`}
      title="The PNG holds its layout and settings: layoutgen sample makes it again"
    >
      Save picture
    </a>
  );
}

export function SideBySide() {
  return (
    <div class="sidebyside">
      {results.value.map((result) => {
        const matched = result.evaluated?.filter((box) => box.outcome === "matched").length;
        return (
          <button
            key={result.picture}
            onClick={() => {
              show(result);
              comparing.value = false;
            }}
          >
            <img src={result.url} alt={name(result)} />
            <span>
              {name(result)}
              {matched !== undefined && `, ${matched} matched`}
            </span>
          </button>
        );
      })}
    </div>
  );
}
