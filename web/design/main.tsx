/** The layout editor. */
import "../shared/base.css";
import "../shared/dialog.css";
import "./design.css";
import "./results.css";
import { effect } from "@preact/signals";
import { render } from "preact";
import { ask, type State } from "./api";
import { Canvas } from "./canvas";
import { Dialogs } from "./dialogs";
import { openDialog } from "./questions";
import { comparing, warmUp } from "./generation";
import { listen } from "./keys";
import { Objects } from "./objects";
import { SideBySide, Strip } from "./results";
import { Settings } from "./settings";
import { attempt, canUndo, dirty, file, message, model, open, say } from "./state";
import { Toolbar } from "./toolbar";

function App() {
  return (
    <div class="editor">
      <Toolbar />
      <Objects />
      <main>
        <Canvas onRegion={(region) => openDialog({ kind: "scatter", region })} />
        {comparing.value && <SideBySide />}
        <Strip />
      </main>
      <Settings />
      <Message />
      <Dialogs />
    </div>
  );
}

function Message() {
  const said = message.value;
  return (
    <div class="messages" role={said?.bad ? "alert" : "status"} aria-live="polite">
      {said && (
        <div class={said.bad ? "message bad" : "message"}>
          {said.text}
          {said.bad && (
            <button class="quiet" onClick={() => (message.value = null)} aria-label="Close">
              &times;
            </button>
          )}
        </div>
      )}
    </div>
  );
}

const tab = crypto.randomUUID();

async function start(): Promise<void> {
  const root = document.getElementById("app")!;
  root.textContent = "";
  render(<App />, root);
  listen();
  await attempt(async () => {
    open(await ask<State>("state"));
    document.body.dataset.ready = "true";
  });
  if (!model.value) return;
  effect(() => {
    if (canUndo.value) warmUp();
  });
  effect(() => {
    const unsaved = dirty.value;
    void attempt(async () => {
      await ask("unsaved", { tab, unsaved });
    });
  });
  addEventListener("focus", () => void followFile());
  addEventListener("beforeunload", (event) => {
    if (dirty.value) event.preventDefault();
  });
  addEventListener("pagehide", () => {
    const token = new URLSearchParams(location.search).get("token") ?? "";
    void fetch("/api/unsaved", {
      method: "POST",
      keepalive: true,
      headers: { "X-Layoutgen-Token": token },
      body: JSON.stringify({ tab, unsaved: false }),
    });
  });
}

/** Take over what another tab or program has saved since, as long as nothing here would be lost. */
async function followFile(): Promise<void> {
  await attempt(async () => {
    const state = await ask<State>("state");
    if (state.revision === file.value.revision || dirty.value) return;
    open(state, true);
    say("Loaded what was saved elsewhere");
  });
}

void start();
