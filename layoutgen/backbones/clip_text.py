"""Text to embeddings by CLIP, of any length: what the encoder's window does not hold is encoded in chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from diffusers.loaders import TextualInversionLoaderMixin
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import CLIPTextModel, CLIPTokenizer

from layoutgen.conditioning.condition import Prompts


class TextPart(NamedTuple):
    """A text encoder of a model, with its tokenizer.

    Attributes:
        layer: whose states the denoiser reads; -1: those of the last one, normalised.
        pools: the denoiser reads its vector of the whole text, too.
    """

    tokenizer: CLIPTokenizer
    encoder: Any
    layer: int = -1
    pools: bool = False


def embed_prompts(
    tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel, prompts: Sequence[str], *, layer: int = -1
) -> Prompts:
    """Embed B `prompts`, padded as Stable Diffusion does: embeddings (B, K * M, D) and their mask.

    M is the encoder's window (77 tokens), K the chunks that the longest prompt needs; nothing is cut. Each
    prompt has the chunks that it needs by itself, so that it does not depend on the others: the mask hides
    what it lacks to K, and is None where all need as many.

    Args:
        layer: whose states are the embeddings; -1: those of the last one, normalised.
    """
    chunks = [_chunks(tokenizer, prompt) for prompt in prompts]
    states = _encode(text_encoder, [row for own in chunks for row in own], layer)  # (all chunks, M, D)
    counts = [len(own) for own in chunks]
    if len(set(counts)) == 1:
        return Prompts(states.unflatten(0, (len(prompts), -1)).flatten(1, 2))
    embeddings = pad_sequence([own.flatten(0, 1) for own in states.split(counts)], batch_first=True)
    lengths = torch.tensor(counts, device=states.device) * states.shape[1]
    return Prompts(embeddings, torch.arange(embeddings.shape[1], device=states.device) < lengths[:, None])


def prompt_rows(tokenizer: CLIPTokenizer, prompts: Sequence[str]) -> list[list[int]]:
    """The rows of M token ids that :func:`embed_prompts` encodes for `prompts`, one after the other."""
    return [row for prompt in prompts for row in _chunks(tokenizer, prompt)]


def find_words(tokenizer: CLIPTokenizer, prompts: Sequence[str], words: Sequence[Sequence[str]]) -> Tensor:
    """Which tokens (B, K * M) bool of :func:`embed_prompts` spell one of the B groups of `words`."""
    rows = [torch.tensor(_chunks(tokenizer, prompt)).flatten() for prompt in prompts]
    found = [torch.zeros(len(row), dtype=torch.bool) for row in rows]
    for row, marked, group in zip(rows, found, words, strict=True):
        for spelt in (torch.tensor(_token_ids(tokenizer, word)) for word in group):
            for start in range(len(row) - len(spelt) + 1):
                if torch.equal(row[start : start + len(spelt)], spelt):
                    marked[start : start + len(spelt)] = True
    return pad_sequence(found, batch_first=True)


def embed_phrases(
    tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel, phrases: Sequence[str], *, layer: int = -1
) -> tuple[Tensor, Tensor]:
    """Embed N short `phrases`, each on its own: embeddings (N, M, D) and which are real tokens (N, M) bool.

    M is the longest phrase with its start and end tokens; a phrase longer than the encoder's window is
    encoded in chunks, each between tokens of its own.
    """
    bodies = [_token_ids(tokenizer, phrase) for phrase in phrases]
    longest = max((len(body) for body in bodies), default=0)
    if longest <= tokenizer.model_max_length - 2:
        rows = [[_framed(tokenizer, body, longest + 2)] for body in bodies]
        lengths = [[len(body) + 2] for body in bodies]
    else:
        rows = [_chunks(tokenizer, phrase) for phrase in phrases]
        lengths = [[len(part) + 2 for part in _parts(tokenizer, body)] for body in bodies]
    states = _encode(text_encoder, [row for own in rows for row in own], layer)  # (all chunks, M, D)
    real = [
        torch.arange(states.shape[1], device=states.device) < torch.tensor(own, device=states.device)[:, None]
        for own in lengths
    ]
    embeddings = [own.flatten(0, 1) for own in states.split([len(own) for own in rows])]
    return (
        pad_sequence(embeddings, batch_first=True),
        pad_sequence([own.flatten() for own in real], batch_first=True),
    )


def pool_phrases(tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel, phrases: Sequence[str]) -> Tensor:
    """One vector (N, D) for each of N `phrases`: the state of its (last) end token."""
    return last_tokens(*embed_phrases(tokenizer, text_encoder, phrases))


def last_tokens(embeddings: Tensor, real: Tensor) -> Tensor:
    """Of `embeddings` (N, M, D) those of the last token (N, D) of each row that is `real` (N, M)."""
    last = real.shape[1] - 1 - real.flip(1).byte().argmax(1)
    return embeddings[torch.arange(len(embeddings)), last]


def project_prompts(tokenizer: CLIPTokenizer, text_encoder: Any, prompts: Sequence[str]) -> Tensor:
    """One vector (B, E) for each of B `prompts`, of its first chunk, by an encoder with a projection."""
    rows = torch.tensor([_chunks(tokenizer, prompt)[0] for prompt in prompts], device=text_encoder.device)
    return torch.cat([text_encoder(row).text_embeds for row in rows[:, None]])


def _encode(text_encoder: CLIPTextModel, rows: list[list[int]], layer: int = -1) -> Tensor:
    """The hidden states (R, M, D) of `rows` (R, M) of token ids after `layer`; see :func:`embed_prompts`."""
    ids = torch.tensor(rows, device=text_encoder.device)
    if layer != -1:
        # One by one: in a batch they would differ in their last bits by what else is in it.
        states_of = [
            text_encoder(row, output_hidden_states=True).hidden_states[layer] for row in ids[:, None]
        ]
        return torch.cat(states_of)
    states: Tensor = text_encoder(ids).last_hidden_state
    return states


def _chunks(tokenizer: CLIPTokenizer, text: str) -> list[list[int]]:
    """`text` as rows of token ids, each as long as the encoder's window; one at least."""
    window = tokenizer.model_max_length
    return [_framed(tokenizer, part, window) for part in _parts(tokenizer, _token_ids(tokenizer, text))]


def _parts(tokenizer: CLIPTokenizer, body: list[int]) -> list[list[int]]:
    """`body` in parts that fit the encoder's window with a start and an end token; one at least."""
    room = tokenizer.model_max_length - 2
    return [body[start : start + room] for start in range(0, max(1, len(body)), room)]


def _token_ids(tokenizer: CLIPTokenizer, text: str) -> list[int]:
    if len(tokenizer.get_added_vocab()) > 2:  # more than its start and end
        # A textual inversion of several vectors is one word in a prompt, and several tokens.
        text = TextualInversionLoaderMixin().maybe_convert_prompt(text, tokenizer)
    # Without `verbose=False` the tokenizer warns of long prompts, which are chunked here.
    return list(tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids)


def _framed(tokenizer: CLIPTokenizer, body: list[int], length: int) -> list[int]:
    """`body` between start and end token, padded to `length`."""
    row = [tokenizer.bos_token_id, *body, tokenizer.eos_token_id]
    return row + [tokenizer.pad_token_id] * (length - len(row))
