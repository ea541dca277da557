"""Which videos of another run may test a model of this one.

People are compared as within a run: the model's training videos and all videos of the other run are
grouped together, and a video is left out if its group has a training video. Copies are found by
their crops, which are the same bytes if file and settings are the same, so the video files
themselves are not needed.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.data.identities import assign_groups
from workflow_scripts.lib.data.manifest import Video
from workflow_scripts.lib.store.zarr_store import StoredVideos, features_version
from workflow_scripts.lib.training.splits import TEST, TRAIN, Leak, find_leak


@dataclass(frozen=True)
class Selection:
    """Which of another run's videos may test a model.

    Attributes
    ----------
    group_of : dict of str to str
        The group of each selected video, by `video_id`, in the other run's order.
    people : tuple of str
        Videos left out because they show people of the training part.
    copies : tuple of str
        Videos left out because the model was trained on a copy.
    leak : Leak
        Of the selected videos against the training videos: nothing is in both, but people may be
        unknown.
    """

    group_of: dict[str, str]
    people: tuple[str, ...]
    copies: tuple[str, ...]
    leak: Leak


def select_videos(
    training: Sequence[Video],
    others: Sequence[Video],
    training_hashes: Mapping[str, str],
    other_hashes: Mapping[str, str],
) -> Selection:
    """Select the videos of another run that show nobody from the training videos.

    `training` are the videos that the model was trained on, `others` those of the other run; the
    hashes are of their crops, by `video_id`. The same id may mean different videos in the two runs.
    """
    shared = set(training_hashes.values()) & set(other_hashes.values())
    together = []
    runs = (("training", training, training_hashes), ("other", others, other_hashes))
    for run, videos, hashes in runs:
        for video in videos:
            crops = hashes.get(video.video_id, "")
            content = crops if crops in shared else video.content
            together.append(replace(video, video_id=f"{run}/{video.video_id}", content=content))
    group_of = assign_groups(together)
    trained = {group_of[f"training/{video.video_id}"] for video in training}
    groups = {video.video_id: group_of[f"other/{video.video_id}"] for video in others}
    selected = {name: group for name, group in groups.items() if group not in trained}
    copies = tuple(name for name in groups if other_hashes.get(name) in shared)
    left_out = groups.keys() - selected.keys() - set(copies)
    people = tuple(name for name in groups if name in left_out)
    names = [f"training/{v.video_id}" for v in training] + [f"other/{name}" for name in selected]
    splits = np.repeat([TRAIN, TEST], [len(training), len(selected)])
    leak = find_leak(splits, np.array(names), np.array([group_of[name] for name in names]))
    return Selection(selected, people, copies, leak)


def crop_hashes(store: StoredVideos, names: Iterable[str]) -> dict[str, str]:
    """A hash of the crops of each of a store's videos, by its name."""
    return {
        name: hashlib.blake2b(store.read(name, "").crops.tobytes(), digest_size=16).hexdigest()
        for name in names
    }


def check_crop_settings(own: Mapping[str, Any], other: Mapping[str, Any], other_run: Path) -> None:
    """Check that another run's crops were made like this run's.

    `own` and `other` are the settings that the stores were made with. The number of frames per
    video may differ, but not how a face becomes a crop.

    Raises
    ------
    UserError
        Names the setting and both values.
    """
    for section in ("detector", "faces"):
        for key in sorted(own[section].keys() | other[section].keys()):
            here, there = own[section].get(key), other[section].get(key)
            if here != there:
                raise UserError(
                    f"test_on_runs: the crops of {other_run} were made with {section}.{key} = "
                    f"{there}, this run's with {here}. A model can only be tested on crops made "
                    "with the same settings: run one of the two again with the other's setting."
                )


def check_feature_versions(card: Path, features: Path, names: Iterable[str]) -> None:
    """Check that feature sets have the versions that a model was trained on.

    `card` is the model's `model.json`; `names` are those of the sets in the folder `features`.

    Raises
    ------
    UserError
        A set has another version.
    """
    trained_on = json.loads(card.read_text(encoding="utf-8"))["features"]
    parts = (trained_on[key].split("+") for key in ("name", "version"))
    versions = dict(zip(*parts, strict=True))
    for name in names:
        version, trained = features_version(features, name), versions[name.partition("-")[0]]
        if version != trained:
            raise UserError(
                f"The model was trained on version {trained} of {name}, but {features} has version "
                f"{version}. Train the model again: snakemake --forcerun split_videos"
            )


def check_labels(
    selection: Selection, others: Sequence[Video], protocol: str, other_run: Path
) -> None:
    """Check that both real and fake videos were selected.

    Raises
    ------
    UserError
        Says how many were left out, and why.
    """
    labels = {video.label for video in others if video.video_id in selection.group_of}
    if len(labels) < len(Label):
        raise UserError(
            f"test_on_runs: of the {len(others)} videos of {other_run}, {len(selection.people)} "
            f"show people of this run's training part (protocol {protocol}) and "
            f"{len(selection.copies)} are copies of its videos. "
            f"{f'Only {labels.pop()}' if labels else 'No'} videos are left, and a test needs real "
            "and fake ones: add videos of other people to that run, or remove it from test_on_runs."
        )
