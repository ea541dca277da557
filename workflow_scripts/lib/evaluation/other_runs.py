"""Which videos of another run may test a model of this one.

People are compared as within a run: a video is left out when its group, found over the model's
training videos and all videos of the other run together, has a training video in it. Copies are
found by their crops, which are the same bytes wherever file and settings are the same: the files
themselves need not be at hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

__all__ = [
    "Selection",
    "check_left",
    "check_settings",
    "check_versions",
    "crop_hashes",
    "select_videos",
]

SHAPING = ("detector", "faces")  # sections of the config that a crop follows from


@dataclass(frozen=True)
class Selection:
    """What became of another run's videos.

    Attributes
    ----------
    group_of : dict of str to str
        The group of each video that may test, by `video_id`, in the other run's order.
    people : tuple of str
        Videos that are left out for the people in them.
    copies : tuple of str
        Videos that are left out because the model was trained on the same.
    leak : Leak
        Of the training videos against those that may test: nothing is on both sides, but who is in
        the videos may be unknown.
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
    """Sort out the videos of another run that show anybody of the training.

    `training` and `others` are the videos that the model was trained on, and the other run's; the
    hashes are of their crops, by `video_id`. An id may stand in both runs and mean two videos.
    """
    same = set(training_hashes.values()) & set(other_hashes.values())
    group_of = assign_groups(
        [
            *_named("training", training, training_hashes, same),
            *_named("other", others, other_hashes, same),
        ]
    )
    trained = {group_of[f"training/{video.video_id}"] for video in training}
    copies = [v.video_id for v in others if other_hashes.get(v.video_id) in same]
    left = {
        v.video_id: group
        for v in others
        for group in [group_of[f"other/{v.video_id}"]]
        if group not in trained
    }
    out = {v.video_id for v in others} - left.keys() - set(copies)
    names = [f"training/{v.video_id}" for v in training] + [f"other/{name}" for name in left]
    parts = np.array([TRAIN] * len(training) + [TEST] * len(left))
    leak = find_leak(parts, np.array(names), np.array([group_of[name] for name in names]))
    people = tuple(v.video_id for v in others if v.video_id in out)
    return Selection(left, people, tuple(copies), leak)


def crop_hashes(store: StoredVideos, names: Iterable[str]) -> dict[str, str]:
    """A hash of the crops of each of a store's videos, by its name."""
    return {
        name: hashlib.blake2b(store.read(name, "").crops.tobytes(), digest_size=16).hexdigest()
        for name in names
    }


def check_settings(own: Mapping[str, Any], other: Mapping[str, Any], where: Path) -> None:
    """Check that another run's crops were made as this run's were.

    `own` and `other` are what the stores were made with. How many frames were taken of a video may
    differ; how a face becomes a crop may not.

    Raises
    ------
    UserError
        Names the section, the keys and both values.
    """
    for section in SHAPING:
        for key in sorted(own[section].keys() | other[section].keys()):
            here, there = own[section].get(key), other[section].get(key)
            if here != there:
                raise UserError(
                    f"test_on_runs: the crops of {where} were made with {section}.{key} = {there}, "
                    f"this run's with {here}. A model can't be tested on crops that were cut in "
                    "another way: run one of the two again with the other's setting."
                )


def check_versions(trained_on: Mapping[str, str], features: Path, names: Iterable[str]) -> None:
    """Check that a model is given the feature sets that it was trained on.

    `trained_on` is the entry `features` of the model's card; `names` are those of the sets in the
    folder `features`.

    Raises
    ------
    UserError
        A set has another version.
    """
    parts = (trained_on[key].split("+") for key in ("name", "version"))
    wanted = dict(zip(*parts, strict=True))
    for name in names:
        found, needed = features_version(features, name), wanted[name.partition("-")[0]]
        if found != needed:
            raise UserError(
                f"The model was trained on version {needed} of {name}, and {features} has version "
                f"{found}. Train it again: snakemake --forcerun split_videos"
            )


def check_left(selection: Selection, others: Sequence[Video], protocol: str, where: Path) -> None:
    """Check that real and fake videos are left.

    Raises
    ------
    UserError
        Says how many were left out, and why.
    """
    labels = {video.label for video in others if video.video_id in selection.group_of}
    if len(labels) < len(Label):
        raise UserError(
            f"test_on_runs: of the {len(others)} videos of {where}, {len(selection.people)} show "
            f"people of this run's training part (protocol {protocol}) and "
            f"{len(selection.copies)} are copies of its videos. Only "
            f"{' and '.join(labels) or 'no'} videos are left, and a test needs real and fake ones: "
            "add videos of other people to that run, or take it out of test_on_runs."
        )


def _named(
    run: str, videos: Iterable[Video], hashes: Mapping[str, str], same: set[str]
) -> Iterator[Video]:
    """The videos under ids that no other run has; what is in both runs has the same `content`."""
    for video in videos:
        found = hashes.get(video.video_id)
        content = found if found in same else video.content
        yield replace(video, video_id=f"{run}/{video.video_id}", content=content or "")
