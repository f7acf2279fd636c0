import { useState } from "preact/hooks";

/** A line for a shell, and a button that copies it. */
export function Copyable({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Pages from disk may have no clipboard: the old way, through a selection.
      const area = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div class="copyable">
      <code>
        {text.split(" ").map((word, at) => (
          <>
            {at > 0 && " "}
            <span class={word.length < 28 ? "word" : ""} key={at}>
              {word}
            </span>
          </>
        ))}
      </code>
      <button onClick={copy} aria-label={`Copy: ${label}`}>
        {copied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}
