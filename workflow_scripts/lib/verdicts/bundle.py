"""A model bundle: one file with all that a verdict on a video needs.

`bundle.zip` holds the model (the file that `lib/training/model_files.py` has written), its card,
the face detector's networks, and `bundle.json`:

- `format` and `recipe`, see `FORMAT` and `RECIPE`
- `made`, the day on which the bundle was made (UTC)
- `evaluation`: the model's results on the test part
- `ranges`: the ranges of the training videos' measurements, to warn of videos outside them
  (`lib/verdicts/training_range.py`)
- `typical_real`: the mean `contributions` to the scores of the test part's real videos, by group of
  columns (`lib/verdicts/attributions.py`)
- `trained_on`: the marks of all crops (`lib/faces/crops.py`) of the training part's videos, to
  recognise such a video
- `people`: the names of the people in the training part (`manifest.names_of`)
- `files`: a checksum of every other file; and `digest`, a checksum of `bundle.json` without `made`:
  the same content made on another day is the same version

It holds no pictures, except in models that keep training rows (`nearest_neighbours`, `rbf_svm`) or
the mean of all training faces (models on pixels that are not forests).

The archive is not compressed, so reading it takes no more memory than its size. Its members' names
are fixed, so nothing else can be written. A checksum detects damage, but does not show who made the
file. Equal content gives equal bytes, except for `made`.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import fastjsonschema

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import ZIP_EPOCH, atomic_write
from workflow_scripts.lib.faces.mtcnn import NETWORKS
from workflow_scripts.lib.features import find_feature_set
from workflow_scripts.lib.training.array_models import ArrayModel
from workflow_scripts.lib.training.model_files import DAMAGED, read_model
from workflow_scripts.lib.training.registry import MODELS
from workflow_scripts.lib.verdicts.training_range import MEASURES

__all__ = [
    "Bundle",
    "check_bundle",
    "check_bundle_path",
    "read_bundle",
    "read_people",
    "write_bundle",
]

FORMAT = 8  # of the file
RECIPE = 1  # of frames, faces and crops; raise it when the same video gives other crops
ABOUT, CARD = "bundle.json", "model.json"
MODEL = "model.zip"
NETWORK_FILES = tuple(f"{network}.onnx" for network in NETWORKS)
FILES = (MODEL, CARD, *NETWORK_FILES)
SCHEMA = Path(__file__).parents[3] / "config/schemas/bundle.schema.json"
MAX_BYTES = 4_000_000_000  # of the model when it is unpacked


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read.

    Attributes
    ----------
    model : ArrayModel or estimator
    card : dict
        `model.json`, see `training.model_card`.
    evaluation, ranges, typical_real : dict
        See the module.
    trained_on : frozenset of str
        See the module.
    networks : Path
        Folder of the detector's networks.
    version : str
        Names this content and no other.
    made : str
        Day on which the bundle was made, ISO 8601.
    """

    model: Any
    card: dict[str, Any]
    evaluation: dict[str, Any]
    ranges: dict[str, Any]
    typical_real: dict[str, Any]
    trained_on: frozenset[str]
    networks: Path
    version: str
    made: str


def write_bundle(
    path: Path,
    model: Path,
    card: dict[str, Any],
    networks: Path,
    evaluation: dict[str, Any],
    ranges: dict[str, Any],
    typical_real: dict[str, Any],
    trained_on: Iterable[str],
    people: Iterable[str],
    made: str,
) -> None:
    """Write a bundle of a model's file, its card, and the networks in a folder; `made` is the day,
    ISO 8601."""
    files = {
        MODEL: model.read_bytes(),
        CARD: json.dumps(card, indent=1, allow_nan=False).encode(),
        **{name: (networks / name).read_bytes() for name in NETWORK_FILES},
    }
    about: dict[str, Any] = {
        "format": FORMAT,
        "recipe": RECIPE,
        "evaluation": evaluation,
        "ranges": ranges,
        "typical_real": typical_real,
        "trained_on": sorted(set(trained_on)),
        "people": sorted(people),
        "files": {name: _checksum(content) for name, content in files.items()},
    }
    about |= {"digest": _digest(about), "made": made}
    text = json.dumps(about, indent=1, allow_nan=False).encode()
    with atomic_write(path) as aside, zipfile.ZipFile(aside, "w") as archive:
        for name, content in {ABOUT: text, **files}.items():
            archive.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), content)


def read_bundle(path: Path, folder: Path) -> Bundle:
    """Read a bundle; the detector's networks are unpacked into `folder`, which must stay.

    Raises
    ------
    UserError
        The file is not a bundle, is damaged or altered, or was made by another version.
    """
    check_bundle_path(path)
    try:
        about, stated, made, files = _checked(path)
        card = _read_card(files[CARD])
        _check_recipe(about, card)
        _check_content(about, card)
        for name in NETWORK_FILES:
            (folder / name).write_bytes(files[name])
        model = _read_model(files[MODEL], card)
    except _OtherVersionError as error:
        raise UserError(
            f"The model bundle {path} was made for {error}, so its figures would be wrong here. "
            "Make it again with this version (`snakemake`), or judge with the version that made it."
        ) from error
    except DAMAGED as error:
        raise UserError(
            f"The model bundle {path} cannot be read ({error}). Fetch it again, or make it "
            "again with snakemake."
        ) from error
    return Bundle(
        model=model,
        card=card,
        evaluation=about["evaluation"],
        ranges=about["ranges"],
        typical_real=about["typical_real"],
        trained_on=frozenset(about["trained_on"]),
        networks=folder,
        version=stated[:12],
        made=made,
    )


def check_bundle_path(path: Path) -> None:
    """Check that a path can be a bundle, without reading it.

    Raises
    ------
    UserError
        There is no such file, or it is another kind of file.
    """
    if path.is_dir() or path.name == MODEL:
        raise UserError(
            f"{path} is not a model bundle. Name a bundle.zip: `snakemake bundles` makes them "
            f"beside each {MODEL}."
        )
    if not path.is_file():
        raise UserError(
            f"The model bundle {path} does not exist. Correct the path, or make the bundle: "
            f"`snakemake {path}`, with --configfile and your run's file if it is not the demo's."
        )


def read_people(path: Path) -> set[str]:
    """The names of the people in the training part, from a bundle that is known to be valid."""
    with zipfile.ZipFile(path) as archive:
        return set(json.loads(archive.read(ABOUT))["people"])


def check_bundle(path: Path, card: Path) -> None:
    """Check that a bundle is complete and holds the model of `card`, the `model.json` beside it.

    Raises
    ------
    UserError
        Says what is wrong.
    """
    try:
        *_, files = _checked(path)
    except (_OtherVersionError, *DAMAGED) as error:
        raise UserError(f"it is not a complete bundle ({error})") from error
    if card.is_file() and json.loads(files[CARD]) != json.loads(card.read_text()):
        raise UserError(f"it holds another model than {card.name} beside it describes")


class _OtherVersionError(Exception):
    """Made by another version. Its text says what differs."""


def _checked(path: Path) -> tuple[dict[str, Any], str, str, dict[str, bytes]]:
    """The content of `bundle.json`, its digest, its date, and the other files, after checking all
    checksums."""
    files = _unpacked(path)
    about = json.loads(files.pop(ABOUT), parse_constant=_refuse_constant)
    if about.pop("format") != FORMAT:
        raise _OtherVersionError("another format")
    stated, made = about.pop("digest"), about.pop("made")
    date.fromisoformat(made)
    if stated != _digest({"format": FORMAT, **about}):
        raise ValueError(f"the checksum of {ABOUT} does not fit")
    for name, content in files.items():
        if about["files"][name] != _checksum(content):
            raise ValueError(f"the checksum of {name} does not fit")
    return about, stated, made, files


def _unpacked(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if sorted(member.filename for member in members) != sorted((ABOUT, *FILES)):
            raise ValueError("it does not hold the files of a bundle")
        if any(m.compress_type != zipfile.ZIP_STORED or m.flag_bits & 1 for m in members):
            raise ValueError("it is compressed or encrypted, unlike any bundle")
        # stored members can be no larger than the file
        if sum(member.file_size for member in members) > path.stat().st_size:
            raise ValueError("it claims to hold more than it does")
        return {member.filename: archive.read(member) for member in members}


def _check_recipe(about: dict[str, Any], card: dict[str, Any]) -> None:
    """Refuse a bundle whose recipes differ from those of this version."""
    if about["recipe"] != RECIPE:
        raise _OtherVersionError(f"recipe {about['recipe']} of crops (here it is {RECIPE})")
    features = card["features"]
    try:
        here = find_feature_set(features["name"]).version
    except KeyError:
        here = "unknown"
    if features["version"] != here:
        raise _OtherVersionError(
            f"version {features['version']} of the features {features['name']} (here it is {here})"
        )
    if card["model"] not in MODELS:
        raise _OtherVersionError(f"a model that is unknown here, {card['model']!r}")


def _check_content(about: dict[str, Any], card: dict[str, Any]) -> None:
    """Refuse a bundle that lacks what a verdict needs, or has it in another type or size."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    fastjsonschema.validate(schema, {ABOUT: about, CARD: card})
    features, size = card["features"], card["crops"]["faces"]["size"]
    side = size if features["resize"] is None else features["resize"]
    if not about["ranges"].keys() <= MEASURES.keys():
        raise ValueError("it has the range of an unknown measurement")
    if side > size:
        raise ValueError("its features are of larger crops than its own")
    if len(find_feature_set(features["name"]).columns(side)) != features["columns"]:
        raise ValueError("its features have another number of columns than it says")


def _read_card(content: bytes) -> Any:
    """Read JSON with 7 for 7.0, which a schema treats as equal."""
    return json.loads(content, parse_float=_number, parse_constant=_refuse_constant)


def _number(text: str) -> float | int:
    value = float(text)
    return int(value) if value.is_integer() else value


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not a number")


def _read_model(content: bytes, card: dict[str, Any]) -> Any:
    """Read the model and check that it is the one that its card describes."""
    _check_size(content)
    model = read_model(io.BytesIO(content), card["model"])
    if isinstance(model, ArrayModel):
        columns, classes = model.columns, [0, 1]
    else:
        columns, classes = model.n_features_in_, list(model.classes_)
    if columns != card["features"]["columns"] or classes != [0, 1]:
        raise ValueError("the model does not fit its card")
    return model


def _check_size(content: bytes) -> None:
    """Refuse a model that would fill the memory once unpacked."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
            raise ValueError(f"its model takes more than {MAX_BYTES} bytes")


def _checksum(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=32).hexdigest()


def _digest(about: dict[str, Any]) -> str:
    return _checksum(json.dumps(about, sort_keys=True).encode())
