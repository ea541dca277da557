"""The columns, keys and arrays that the pages name are those of a real run."""

import json

import zarr

from tests.docs import OF_A_RUN, ROOT, words_of


def keys_in(content):
    """All keys of a JSON file, at any depth."""
    if isinstance(content, dict):
        yield from content
        content = list(content.values())
    for part in content if isinstance(content, list) else ():
        yield from keys_in(part)


def columns_in(results):
    for path in results.rglob("*.tsv"):
        with path.open(encoding="utf-8") as lines:
            yield from next(lines).rstrip("\n").split("\t")


def arrays_in(results):
    return {name for name, _ in zarr.open_group(results / "store.zarr", mode="r").arrays()}


def listed(page, head):
    """The first column of a page's table."""
    return {word.text for word in words_of(ROOT / page) if word.head == head}


def test_what_pages_say_of_a_runs_files_is_there(finished):
    results = finished.results
    keys = {key for path in results.glob("*.json") for key in keys_in(json.loads(path.read_text()))}
    columns = set(columns_in(results))
    assert OF_A_RUN - keys - columns - arrays_in(results) == set()
    assert any(name.startswith("train_") for name in columns)


def test_the_page_on_the_store_lists_its_arrays(finished):
    assert listed("docs/store.md", "array") == arrays_in(finished.results)


def test_the_page_on_the_record_lists_its_parts(finished):
    record = json.loads((finished.results / "run.json").read_text())
    assert listed("docs/provenance.md", "part") == set(record)
