"""Labels: COCO's 80 category names, and one word for "dog" and "dogs"."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence

from layoutgen.domain.inflection import inflect_engine
from layoutgen.errors import InvalidOption

_NAMES = """
1 person 2 bicycle 3 car 4 motorcycle 5 airplane 6 bus 7 train 8 truck 9 boat 10 traffic light 11 fire hydrant
13 stop sign 14 parking meter 15 bench 16 bird 17 cat 18 dog 19 horse 20 sheep 21 cow 22 elephant 23 bear
24 zebra 25 giraffe 27 backpack 28 umbrella 31 handbag 32 tie 33 suitcase 34 frisbee 35 skis 36 snowboard
37 sports ball 38 kite 39 baseball bat 40 baseball glove 41 skateboard 42 surfboard 43 tennis racket 44 bottle
46 wine glass 47 cup 48 fork 49 knife 50 spoon 51 bowl 52 banana 53 apple 54 sandwich 55 orange 56 broccoli
57 carrot 58 hot dog 59 pizza 60 donut 61 cake 62 chair 63 couch 64 potted plant 65 bed 67 dining table
70 toilet 72 tv 73 laptop 74 mouse 75 remote 76 keyboard 77 cell phone 78 microwave 79 oven 80 toaster 81 sink
82 refrigerator 84 book 85 clock 86 vase 87 scissors 88 teddy bear 89 hair drier 90 toothbrush
"""


def _numbered(names: str) -> dict[int, str]:
    table: dict[int, list[str]] = {}
    for word in names.split():
        if word.isdigit():
            table[int(word)] = []
        else:
            table[max(table)].append(word)
    return {number: " ".join(words) for number, words in table.items()}


COCO_CATEGORIES: dict[int, str] = _numbered(_NAMES)
"""COCO's category ids, which have gaps, and their names."""
_COCO_NAMES = frozenset(COCO_CATEGORIES.values())

# What inflect says of COCO's names, where that is no mere -s: most commands need no more of it.
_PLURALS = {"person": "people", "sheep": "sheep", "knife": "knives", "mouse": "mice"}
_PLURALS |= {name: name + "es" for name in ("bus", "bench", "wine glass", "sandwich", "couch", "toothbrush")}
_SYNONYMS = {
    name: label
    for label, names in {
        "person": "man woman child boy girl kid human pedestrian people",
        "dog": "puppy pup doggy doggie hound",
        "cat": "kitten kitty",
        "airplane": "plane aeroplane aircraft jet",
        "motorcycle": "motorbike",
        "bicycle": "bike",
        "car": "automobile",
        "boat": "ship",
        "cow": "cattle calf bull",
        "horse": "pony foal",
        "sheep": "lamb",
        "couch": "sofa",
        "tv": "television tvmonitor monitor",
        "cell phone": "phone mobile smartphone",
        "refrigerator": "fridge",
        "donut": "doughnut",
    }.items()
    for name in names.split()
}
_PLURAL_ONLY = frozenset({"skis", "scissors"})
_SINGULARS = {plural: name for name, plural in _PLURALS.items()}

# Singular words that look like plurals to inflect, and plurals that look like singulars in -us to us.
_SINGULAR_IN_S = {"atlas", "axis", "canvas", "chassis", "gas", "iris", "lens", "rhinoceros", "tennis"}
_PLURAL_IN_US = {"emus", "gnus", "gurus", "kudus", "menus", "tutus", "zebus"}


def singular(word: str) -> str:
    """The label for one of `word`: "dogs" is "dog"; a COCO category name, such as "skis", stays what it is.

    White space is tidied; upper case stays unless the label is one of COCO's.
    """
    word = " ".join(word.split())
    small = word.lower()
    for name in (small, _SINGULARS.get(small, ""), small.removesuffix("s")):
        if name in _COCO_NAMES:
            return name
    if not _looks_plural(word):
        return word
    one = inflect_engine().singular_noun(word) or word
    return one.lower() if one.lower() in _COCO_NAMES else str(one)


def closest(label: str, known: Collection[str], *, near: bool = True) -> str | None:
    """The one of the `known` labels that `label` probably means; None if it resembles none of them.

    "Dog", "dogs" and " dog" are "dog", "hot_dog" and "Hot-Dogs" are "hot dog"; only if `near`, "dgo" is close
    enough to "dog", and so are "puppies" and "big dogs".
    """
    plain = {_plain(one): one for one in known}
    one = _plain(singular(label.replace("_", " ").replace("-", " ")))
    for name in (_plain(label), one):
        if name in plain:
            return plain[name]
    if not near:
        return None
    last = one.rpartition(" ")[2]
    for other in (_SYNONYMS.get(one), last, _SYNONYMS.get(last)):
        if other in plain:
            return plain[other]
    found = difflib.get_close_matches(_plain(label), plain, n=1, cutoff=0.5)
    return plain[found[0]] if found else None


def _plain(label: str) -> str:
    return re.sub(r"[\W_]+", " ", label).strip().casefold()


def count_phrase(counts: Mapping[str, int]) -> str:
    """The objects in words, in the order of `counts`: "3 dogs and a cat"; labels counted 0 are left out."""
    phrases = [_counted(label, count) for label, count in counts.items() if count > 0]
    if len(phrases) < 3:
        return " and ".join(phrases)
    return f"{', '.join(phrases[:-1])}, and {phrases[-1]}"


def _counted(label: str, count: int) -> str:
    if label in _PLURAL_ONLY:
        return label if count == 1 else f"{count} {label}"
    if label in _COCO_NAMES:
        article = "an" if label[0] in "aeiou" else "a"
        return f"{article} {label}" if count == 1 else f"{count} {_PLURALS.get(label, label + 's')}"
    plural_only = label.lower().endswith("s") and _looks_plural(label)  # "skis", but not "sheep"
    if count == 1:
        return label if plural_only else str(inflect_engine().a(label))
    return f"{count} {label if plural_only else inflect_engine().plural_noun(label)}"


def _looks_plural(word: str) -> bool:
    last = word.lower().rpartition(" ")[2]
    if not last or last in _SINGULAR_IN_S or last.endswith("ss"):
        return False
    if last.endswith("us") and last not in _PLURAL_IN_US:  # bus, cactus, walrus
        return False
    return bool(inflect_engine().singular_noun(word))


_NAMED = 5  # labels of many that are named


def named_unknown(unknown: Sequence[str], hint: Callable[[str], str]) -> str:
    """The first of `unknown` labels with what `hint` says of each, and how many more there are."""
    named = ", ".join(f"{label!r}{hint(label)}" for label in unknown[:_NAMED])
    return named + (f", and {len(unknown) - _NAMED:,} more" if len(unknown) > _NAMED else "")


def did_you_mean(near: str | None) -> str:
    """The question whether a label `near` to one that is unknown was meant; "" where there is none."""
    return "" if near is None else f" (did you mean {near!r}?)"


def check_categories(asked: Sequence[str], known: Collection[str]) -> None:
    """Refuse a category that is `asked` for where no object is of it.

    Raises:
        InvalidOption: names it, and the nearest one of those that are `known`, or some of them.
    """
    for name in asked:
        if name not in known:
            near, some = closest(name, known), sorted(known)
            more = f" and {len(some) - _NAMED:,} more" if len(some) > _NAMED else ""
            advice = f"did you mean {near!r}?" if near else f"there are: {', '.join(some[:_NAMED])}{more}"
            raise InvalidOption(f"`category` {name}: no annotation has this category; {advice}")
