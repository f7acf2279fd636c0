"""What the README says of checkpoints: the cases of the tests that open them, as its table."""

from __future__ import annotations

BASES = {"sd1": "v1 (1.1 to 1.5)", "sd2": "v2 (2.0, 2.1)", "sdxl": "XL (1.0)"}
"""Configurations in the package, and what they are called."""
FORMS = {
    "folder": "folder of diffusers",
    "folder of fp16 files": "folder with an fp16 variant only",
    "folder of .bin files": "folder with `.bin` files only, of tensors and nothing else",
    "one .safetensors file": "one `.safetensors` file in the original key layout",
    "one .ckpt file": "one `.ckpt` file, of tensors and nothing else",
}
"""Forms in which the same model paints the same picture."""
ADDITIONS = {
    "`--lora`": "LoRA of kohya or diffusers, of U-Net and text encoder",
    "`--embedding`": "textual inversion, of one vector or several; for XL with vectors of both text encoders",
    "`--vae`": "autoencoder: a file in either key layout, or a folder",
}


def table() -> str:
    """The table of the README."""
    bases = ", ".join(BASES.values())
    forms = "; ".join(FORMS.values())
    rows = [
        ("`--model`", f"Stable Diffusion {bases}: {forms}; the same from the hub, and what `train` wrote"),
        *ADDITIONS.items(),
    ]
    return "\n".join(["| option | opens |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])


if __name__ == "__main__":
    print(table())  # noqa: T201
