"""Who is in the videos: names unique across data sets, and groups that are never split."""

from collections.abc import Iterable

from workflow_scripts.lib.common.labels import UNKNOWN, Label
from workflow_scripts.lib.data.manifest import Video


def assign_groups(videos: Iterable[Video]) -> dict[str, str]:
    """Group videos that must never be split: the connected components of the identity graph.

    Two videos are connected if they share a `group` or a `content`, or, within one data set, a
    person (as `target` or `source`) or a `recording`. A video without any of these is its own
    group. Groups, by `video_id`, are named after their alphabetically first person or `group`;
    without one, the name starts with `UNKNOWN`.
    """
    import networkx  # imported here because few callers need it

    nodes_of = {video.video_id: _graph_nodes(video) for video in videos}
    graph = networkx.Graph()
    for nodes in nodes_of.values():
        networkx.add_path(graph, nodes)
    group_of: dict[str, str] = {}
    for component in networkx.connected_components(graph):
        name = min(component, key=lambda node: (node.startswith(UNKNOWN), node))
        group_of |= dict.fromkeys(component, name)
    return {video_id: group_of[nodes[0]] for video_id, nodes in nodes_of.items()}


def names_of(videos: Iterable[Video]) -> set[str]:
    """The full names (`full_names`) of the people in some videos. They include `UNKNOWN` if the
    manifest leaves out the data set or a person of any of them; a fake shows two, `target` and
    `source`."""
    names: set[str] = set()
    for video in videos:
        names |= full_names(video).keys()
        n_people = 1 if video.label == Label.REAL.word else 2
        if bool(video.target) + bool(video.source) < n_people or not video.dataset:
            names.add(UNKNOWN)
    return names


def full_names(video: Video) -> dict[str, str]:
    """The names in a video's row, by full name. A full name of a person includes the data set: the
    same name in two data sets is two people. A group is the same in all data sets."""
    dataset = _escape(video.dataset)
    names = {f"group:{video.group}": video.group} if video.group else {}
    return names | {f"{dataset}:{name}": name for name in (video.target, video.source) if name}


def _escape(dataset: str) -> str:
    """Escape a data set's name so that no two full names are equal by accident: it may be `group`
    or `video`, or contain a colon."""
    escaped = dataset.replace("\\", "\\\\").replace(":", "\\:")
    return f"\\{escaped}" if escaped in ("group", UNKNOWN.rstrip(":")) else escaped


def _graph_nodes(video: Video) -> list[str]:
    nodes = list(full_names(video))
    if video.recording:
        nodes.append(f"{UNKNOWN}recording:{_escape(video.dataset)}:{video.recording}")
    if video.content:
        nodes.append(f"{UNKNOWN}content:{video.content}")
    return nodes or [f"{UNKNOWN}{video.video_id}"]
