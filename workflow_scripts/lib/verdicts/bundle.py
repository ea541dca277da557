"""A model bundle: one file with everything that a verdict on a video needs.

`bundle.zip` contains the model (as `lib/training/model_files.py` writes it), its card, the face
detector's networks, and `bundle.json`:

- `format` and `recipe`, see `FORMAT` and `RECIPE`
- `made`: the day on which the bundle was made (UTC)
- `evaluation`: the model's results on the test part
- `ranges`: of the training videos' measurements (`lib/verdicts/training_range.py`)
- `typical_real`: the mean `contributions` to the scores of the test part's real videos, by group of
  columns (`lib/verdicts/attributions.py`)
- `trained_on`: the hashes of all training crops (`crop_hash`), to recognise their videos
- `people`: the names of the people in the training part (`identities.names_of`)
- `files`: a checksum of every other file; and `digest`, a checksum of `bundle.json` without `made`:
  it identifies the version

It contains no pictures, except in models that store training rows (`nearest_neighbours`, `rbf_svm`)
or the mean of all training faces (models on pixels that are not forests).

The archive is not compressed, so reading it takes no more memory than its size. Its members' names
are fixed, so nothing else can be written. The checksums detect damage, not forgery. Equal content
gives equal bytes, except for `made`.
"""

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

FORMAT = 8  # of the file
RECIPE = 1  # of frames, faces and crops; raise it when the same video would give other crops
ABOUT, CARD = "bundle.json", "model.json"
MODEL = "model.zip"
NETWORK_FILES = tuple(f"{network}.onnx" for network in NETWORKS)
FILES = (MODEL, CARD, *NETWORK_FILES)
SCHEMA = Path(__file__).parents[3] / "config/schemas/bundle.schema.json"
MAX_BYTES = 4_000_000_000  # of the unpacked model


@dataclass(frozen=True)
class Bundle:
    """The content of a bundle, see the module."""

    model: Any  # ArrayModel or estimator
    card: dict[str, Any]  # `model.json`, see `training.model_card`
    evaluation: dict[str, Any]
    ranges: dict[str, Any]
    typical_real: dict[str, Any]
    trained_on: frozenset[str]
    networks: Path  # folder
    version: str  # beginning of the digest
    made: str  # ISO 8601


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
    """Write a bundle of the file `model` and the folder `networks`; for the rest see the module."""
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
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in {ABOUT: text, **files}.items():
            archive.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), content)


def read_bundle(path: Path, folder: Path) -> Bundle:
    """Read a bundle, and unpack the detector's networks into `folder`.

    Raises
    ------
    UserError
        The file is not a bundle, is damaged or altered, or was made by an incompatible version.
    """
    check_bundle_path(path)
    try:
        about, files = _read_files(path)
        card = json.loads(files[CARD], parse_float=_number, parse_constant=_refuse_constant)
        _check_recipe(about, card)
        _check_content(about, card)
        for name in NETWORK_FILES:
            (folder / name).write_bytes(files[name])
        model = _read_model(files[MODEL], card)
    except _OtherVersionError as error:
        raise UserError(
            f"The model bundle {path} was made for {error}, so its scores would be wrong here. "
            "Make it again with this version (`snakemake`), or use the version that made it."
        ) from error
    except DAMAGED as error:
        raise UserError(
            f"The model bundle {path} cannot be read ({error}). Copy it again, or make it again "
            "with snakemake."
        ) from error
    return Bundle(
        model=model,
        card=card,
        **{key: about[key] for key in ("evaluation", "ranges", "typical_real", "made")},
        trained_on=frozenset(about["trained_on"]),
        networks=folder,
        version=about["digest"][:12],
    )


def check_bundle_path(path: Path) -> None:
    """Check that a path can be a bundle, without reading it.

    Raises
    ------
    UserError
        The file does not exist, or is of another kind.
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
        _, files = _read_files(path)
    except (_OtherVersionError, *DAMAGED) as error:
        raise UserError(f"it is not a complete bundle ({error})") from error
    if card.is_file() and json.loads(files[CARD]) != json.loads(card.read_text()):
        raise UserError(f"its model is not the one that {card.name} beside it describes")


class _OtherVersionError(Exception):
    """The bundle was made by an incompatible version. The text says what differs."""


def _read_files(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The content of `bundle.json`, and the other files, after checking all checksums."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if sorted(member.filename for member in members) != sorted((ABOUT, *FILES)):
            raise ValueError("it does not contain the files of a bundle")
        if any(m.compress_type != zipfile.ZIP_STORED or m.flag_bits & 1 for m in members):
            raise ValueError("it is compressed or encrypted, which no bundle is")
        # uncompressed members cannot be larger than the file
        if sum(member.file_size for member in members) > path.stat().st_size:
            raise ValueError("its members are larger than the file")
        files = {member.filename: archive.read(member) for member in members}
    about = json.loads(files.pop(ABOUT), parse_constant=_refuse_constant)
    if about["format"] != FORMAT:
        raise _OtherVersionError("another format")
    date.fromisoformat(about["made"])
    hashed = {key: value for key, value in about.items() if key not in ("digest", "made")}
    if about["digest"] != _digest(hashed):
        raise ValueError(f"the checksum of {ABOUT} does not match")
    for name, content in files.items():
        if about["files"][name] != _checksum(content):
            raise ValueError(f"the checksum of {name} does not match")
    return about, files


def _check_recipe(about: dict[str, Any], card: dict[str, Any]) -> None:
    """Refuse a bundle with other versions of crops, features or models than here."""
    if about["recipe"] != RECIPE:
        raise _OtherVersionError(f"version {about['recipe']} of crops (here: {RECIPE})")
    features = card["features"]
    try:
        version = find_feature_set(features["name"]).version
    except KeyError:
        version = "unknown"
    if features["version"] != version:
        raise _OtherVersionError(
            f"version {features['version']} of the features {features['name']} (here: {version})"
        )
    if card["model"] not in MODELS:
        raise _OtherVersionError(f"the model {card['model']!r}, which is unknown here")


def _check_content(about: dict[str, Any], card: dict[str, Any]) -> None:
    """Refuse a bundle in which anything is missing, or has the wrong type or size."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    fastjsonschema.validate(schema, {ABOUT: about, CARD: card})
    features, size = card["features"], card["crops"]["faces"]["size"]
    side = size if features["resize"] is None else features["resize"]
    if not about["ranges"].keys() <= MEASURES.keys():
        raise ValueError("it has a range of an unknown measurement")
    if side > size:
        raise ValueError("its features need larger crops than it declares")
    if len(find_feature_set(features["name"]).columns(side)) != features["columns"]:
        raise ValueError("its features have another number of columns than it declares")


def _number(text: str) -> float | int:
    """7 for "7.0", which a schema treats as an integer."""
    value = float(text)
    return int(value) if value.is_integer() else value


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not a number")


def _read_model(content: bytes, card: dict[str, Any]) -> Any:
    """Read the model, and check its unpacked size and that its card describes it."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
            raise ValueError(f"its model takes more than {MAX_BYTES} bytes")
    model = read_model(io.BytesIO(content), card["model"])
    if isinstance(model, ArrayModel):
        columns, classes = model.columns, [0, 1]
    else:
        columns, classes = model.n_features_in_, list(model.classes_)
    if columns != card["features"]["columns"] or classes != [0, 1]:
        raise ValueError("the model does not match its card")
    return model


def _checksum(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=32).hexdigest()


def _digest(about: dict[str, Any]) -> str:
    return _checksum(json.dumps(about, sort_keys=True).encode())
