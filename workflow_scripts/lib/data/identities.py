"""Who is in the videos: names across data sets, and groups that are never split."""

from __future__ import annotations

from collections.abc import Iterable

from workflow_scripts.lib.common.labels import UNKNOWN, Label
from workflow_scripts.lib.data.manifest import Video

__all__ = ["assign_groups", "full_names", "names_of"]


def assign_groups(videos: Iterable[Video]) -> dict[str, str]:
    """Find what must never be split: the connected components of the identity graph.

    Two videos are connected when they share a `group`, or within the same data set an identity, as
    `target` or `source`, or a `recording`; or when they are copies, with the same `content`. A
    video about which nothing is known is a group of its own.

    Returns
    -------
    dict of str to str
        Group of each `video_id`; named after the alphabetically first thing that is known of its
        people, or, beginning with `UNKNOWN`, of its files.
    """
    import networkx  # only what builds the store needs it

    graph = networkx.Graph()
    nodes_of = {video.video_id: _nodes(video) for video in videos}
    for nodes in nodes_of.values():
        networkx.add_path(graph, nodes)
    group_of: dict[str, str] = {}
    for component in networkx.connected_components(graph):
        name = min(component, key=lambda node: (node.startswith(UNKNOWN), node))
        group_of |= dict.fromkeys(component, name)
    return {video_id: group_of[nodes[0]] for video_id, nodes in nodes_of.items()}


def names_of(videos: Iterable[Video]) -> set[str]:
    """Under which names the people in some videos may stand in another table (`full_names`); with
    `UNKNOWN` among them where somebody may be in a video who is not named together with the data
    set. In what may be a fake there are two, `target` and `source`."""
    names: set[str] = set()
    for video in videos:
        names |= full_names(video).keys()
        named = sum(map(bool, (video.target, video.source)))
        if named < (1 if video.label == Label.REAL.word else 2) or not video.dataset:
            names.add(UNKNOWN)
    return names


def full_names(video: Video) -> dict[str, str]:
    """The names in a video's row, by what tells each from everybody else: who has the same name in
    another data set is somebody else, but a group is one across all of them."""
    place = _spelled(video.dataset)
    names = {f"{place}:{name}": name for name in (video.target, video.source) if name}
    return ({f"group:{video.group}": video.group} if video.group else {}) | names


def _spelled(dataset: str) -> str:
    """A data set as it begins a full name, so that no other name begins alike: one may be called
    `group` or `video`, or hold a colon."""
    plain = dataset.replace("\\", "\\\\").replace(":", "\\:")
    return f"\\{plain}" if plain in ("group", UNKNOWN.rstrip(":")) else plain


def _nodes(video: Video) -> list[str]:
    nodes = list(full_names(video))
    if video.recording:
        nodes.append(f"{UNKNOWN}recording:{_spelled(video.dataset)}:{video.recording}")
    if video.content:
        nodes.append(f"{UNKNOWN}content:{video.content}")
    return nodes or [f"{UNKNOWN}{video.video_id}"]
