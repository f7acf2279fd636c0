"""Text to embeddings, of any length: what does not fit the text encoder's window is encoded in chunks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer


def embed_prompts(tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel, prompts: Sequence[str]) -> Tensor:
    """Embed B `prompts`, padded as Stable Diffusion does, to (B, K * M, D).

    M is the encoder's window (77 tokens), K the chunks that the longest prompt needs; nothing is cut.
    """
    ids = torch.tensor(prompt_rows(tokenizer, prompts), device=text_encoder.device)  # (B * K, M)
    embeddings = text_encoder(ids).last_hidden_state
    return embeddings.unflatten(0, (len(prompts), -1)).flatten(1, 2)


def prompt_rows(tokenizer: CLIPTokenizer, prompts: Sequence[str]) -> list[list[int]]:
    """The B * K rows of M token ids that :func:`embed_prompts` encodes for B `prompts`."""
    window = tokenizer.model_max_length
    bodies = [_ids(tokenizer, prompt) for prompt in prompts]
    chunks = max(1, *(-(-len(body) // (window - 2)) for body in bodies))
    return [
        _framed(tokenizer, body[start : start + window - 2], window)
        for body in bodies
        for start in range(0, chunks * (window - 2), window - 2)
    ]


def embed_phrases(
    tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel, phrases: Sequence[str]
) -> tuple[Tensor, Tensor]:
    """Embed N short `phrases`, each on its own: embeddings (N, M, D) and which are real tokens (N, M) bool.

    M is the longest phrase with its start and end tokens; a phrase longer than the encoder's window is
    encoded in chunks and comes back whole.
    """
    window = tokenizer.model_max_length
    bodies = [_ids(tokenizer, phrase) for phrase in phrases]
    longest = max((len(body) for body in bodies), default=0)
    if longest > window - 2:
        embeddings = embed_prompts(tokenizer, text_encoder, phrases)
        return embeddings, torch.ones(embeddings.shape[:2], dtype=torch.bool, device=embeddings.device)
    rows = [_framed(tokenizer, body, longest + 2) for body in bodies]
    ids = torch.tensor(rows, device=text_encoder.device).reshape(len(rows), longest + 2)
    lengths = torch.tensor([len(body) + 2 for body in bodies], device=ids.device)
    real = torch.arange(longest + 2, device=ids.device) < lengths[:, None]
    return text_encoder(ids).last_hidden_state, real


def pool_phrases(tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel, phrases: Sequence[str]) -> Tensor:
    """One vector (N, D) for each of N `phrases`: the state of its end token."""
    embeddings, real = embed_phrases(tokenizer, text_encoder, phrases)
    return embeddings[torch.arange(len(phrases)), real.sum(1) - 1]


def _ids(tokenizer: CLIPTokenizer, text: str) -> list[int]:
    # Without `verbose=False` the tokenizer warns of long prompts, which are chunked here.
    return list(tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids)


def _framed(tokenizer: CLIPTokenizer, body: list[int], length: int) -> list[int]:
    """`body` between start and end token, padded to `length`."""
    row = [tokenizer.bos_token_id, *body, tokenizer.eos_token_id]
    return row + [tokenizer.pad_token_id] * (length - len(row))
