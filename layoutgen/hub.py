"""Models of a hub: whether one can be had, asked before anything heavy is loaded."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from layoutgen.errors import InvalidOption

_SECONDS = 10  # after which a hub that does not answer cannot be reached
_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")


def check_hub_model(name: str | None, setting: str) -> None:
    """Refuse a hub id of which there is no model, here or on a hub that answers.

    What is no hub id, or is a folder or a file, passes: others know more of that.

    Args:
        setting: the parameter that `name` is of, for the message.

    Raises:
        InvalidOption: says whether it is the model or the hub that is not there.
    """
    if name is None or not _ID.fullmatch(name) or Path(name).expanduser().exists():
        return
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    with suppress(Exception):  # not downloaded before, whatever the library calls that
        snapshot_download(name, local_files_only=True)
        return
    try:
        HfApi().model_info(name, timeout=_SECONDS)
    except GatedRepoError:
        raise InvalidOption(
            f"`{setting}` {name} asks for consent: give it on its page, and log in with `hf auth login`"
        ) from None
    except RepositoryNotFoundError:
        raise InvalidOption(
            f"`{setting}` {name}: there is no such folder, and the hub has no such model "
            "(if it is private, log in with `hf auth login`)"
        ) from None
    except Exception as error:  # of the network, of the library for the network, or of a hub that fails
        raise InvalidOption(
            f"`{setting}` {name} is no folder here, and the hub that may have it cannot be reached: "
            "connect to it, or pass a folder"
        ) from error
