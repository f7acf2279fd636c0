"""``layoutgen design``: draw a layout in the browser, and see it painted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from layoutgen.cli import completion, console
from layoutgen.cli.options import Device, Model


def design(
    layout: Annotated[
        Path | None,
        typer.Argument(
            metavar="LAYOUT",
            help="Layout file (.yaml) to edit or to make; or a COCO json or a PNG of layoutgen.",
            show_default=False,
        ),
    ] = None,
    model: Model = None,
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            show_default="the small one in the package: cat, dog",
            help="What Evaluate looks with: any object-detection model of transformers.",
        ),
    ] = None,
    image_id: Annotated[
        int | None, typer.Option(metavar="ID", show_default="the only one", help="Image of a COCO json.")
    ] = None,
    width: Annotated[int, typer.Option(min=8, metavar="PX", help="Canvas of a new layout.")] = 512,
    height: Annotated[int, typer.Option(min=8, metavar="PX", help="Canvas of a new layout.")] = 512,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", show_default="a free one", help="Port to use.")
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")
    ] = True,
    device: Device = None,
    dtype: Annotated[
        str,
        typer.Option(
            metavar="TYPE", help="fp32, bf16 or fp16; auto: the fastest.", autocompletion=completion.dtypes
        ),
    ] = "auto",
) -> None:
    """Draw a layout in the browser, see it painted, and save the file that `sample` reads.

    The page is served to this machine only, under an address with a secret in it. Ctrl-C ends it.
    """
    from layoutgen.design.document import Document
    from layoutgen.design.evaluator import PictureEvaluator
    from layoutgen.design.painter import Painter
    from layoutgen.design.serve import serve
    from layoutgen.design.session import Session
    from layoutgen.domain.layout import Layout
    from layoutgen.model_info import find_model

    # The browser needs the cores, too: threads of torch that wait for each other would keep them busy.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    info = find_model(model)
    document = Document(layout, Layout(width, height), image_id=image_id, size_prior=info.size_prior)
    session = Session(document, Painter(info, device, dtype), PictureEvaluator(detector, device), model)

    def ready(url: str) -> None:
        console.say(f"The editor is at {url}")
        console.say("Ctrl-C ends it.")
        if browser:
            import webbrowser

            webbrowser.open(url)

    serve(session, port, ready, console.error)
