"""The pages name only what exists: commands, options, files, keys, columns, names."""

import pytest

from tests.docs import EXAMPLES, OF_A_RUN, PAGES, PLAIN, ROOT, WRITTEN, Checker
from tests.unit.test_rules import JOINED, load_rules


@pytest.fixture(scope="module")
def checker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("config")
    return Checker(load_rules(folder) | load_rules(folder, **JOINED))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_names_only_what_exists(checker, page):
    problems = checker.problems(page)
    assert not problems, "\n".join(problems)


def test_nothing_is_excused_that_no_page_names():
    text = " ".join(" ".join(page.read_text(encoding="utf-8") for page in PAGES).split())
    excused = PLAIN | EXAMPLES | WRITTEN | OF_A_RUN
    assert [word for word in sorted(excused) if word not in text] == []


RIGHT = """
Start `snakemake verdicts --config run=NAME videos_to_judge=FOLDER`, `make test`, `deepfake --help`.
The keys `sampling.stride`, `download: server:` and `min_face_size: 30`; `slurm-qos: NAME`.
`results/<run>/splits/<protocol>.tsv`, `models/*/*/model.zip`, `splits/identity.tsv`, `verdicts/`,
`bundle.zip`, `lib/features/`, `rules/STAGE.smk`, the column `video_id`, `dct+sparsity`, `--frames`,
`python -m
tests.benchmarks.bench_store 40`.

    make judge VIDEO=clip.mp4    # some video

```
deepfake manifest LAYOUT FOLDER \\
    --output TSV
snakemake results/<run>/models/<protocol>/<experiment>/bundle.zip --configfile config/mine.yaml
```

```yaml
faces: {scale: 1.5}
```

| column | what |
|---|---|
| `path`, `label` | `target` or `leak` |
"""
WRONG = {
    # commands of snakemake
    "`snakemake verdict`": "nothing makes verdict",
    "`snakemake results/<run>/models/<protocol>/bundle.zip`": "nothing makes results/<run>",
    "`snakemake results/demo/splits/person.tsv`": "nothing makes results/demo/splits/person.tsv",
    "`snakemake bundle.zip`": "nothing makes bundle.zip",
    "`snakemake results/demo`": "nothing makes results/demo",
    "`snakemake --rulegraf`": "unrecognized arguments: --rulegraf",
    "`snakemake --cores two`": "must be integer",
    "`snakemake --config rum=NAME`": "no key rum of the config",
    "`snakemake --configfile config/face.yaml`": "no file config/face.yaml",
    "`snakemake --configfile config/mine.yaml bundles`": "no file bundles",
    "`snakemake --profile pbs`": "no profile pbs",
    "`snakemake --until make_store`": "no rule make_store",
    "`--batch make_store=1/4`": "no rule make_store",
    "`--set-threads train=4`": "no rule train",
    "`--group-components films=50`": "no group films",
    "`--frame`": "no option of snakemake or deepfake",
    # of the other programs
    "`make tests`": "the Makefile has no tests",
    "`make judge MOVIE=clip.mp4`": "the Makefile has no MOVIE",
    "`MOVIE=clip.mp4`": "no variable of the Makefile",
    "`deepfake judges clip.mp4`": "no command judges",
    "`deepfake judge clip.mp4 --modell bundle.zip`": "no option --modell there",
    "`deepfake --frames 7 judge`": "no option --frames there",
    "`deepfake manifest folder`": "no command folder",
    "`deepfake manifest LAYOUT FOLDER --frames 7`": "no option --frames there",
    "`python -m tests.benchmarks.bench_stores`": "no module tests.benchmarks.bench_stores",
    "`python -m tests.unit`": "no module tests.unit",
    # in blocks
    "```\nmake demo\nmake tests\n```": "page.md:3: `make tests`",
    "```\nmake demo # or\n# make tests\n```": "page.md:3: `make tests`",
    "Do:\n\n    make tests": "page.md:3: `make tests`",
    "```\ndeepfake manifest folders FOLDER \\\n    --outputs TSV\n```": "no option --outputs there",
    "```yaml\nface: {scale: 1.5}\n```": "'face' was unexpected",
    "```yaml\nfaces: {scale: 100}\n```": "100 is greater than the maximum",
    # keys of the config
    "`sampling.evry`": "no such key",
    "`download: servers:`": "no such key",
    "`min_face_sizes: 30`": "no such key",
    "`validation: out_of_box`": "'out_of_box' is not one of",
    "`max_rejected_share`": "nothing is called so",
    '{{ snakemake.config["faces"]["selection"] }}': "no such key of the config",
    # files
    "`lib/training/registries.py`": "no such file of the project",
    "`rules/STAGES.smk`": "no such file of the project",
    "`pyprojects.toml`": "no rule makes such a file",
    "`leaderbord.tsv`": "no rule makes such a file",
    "`results/<run>/model.zip`": "no rule makes such a file",
    "`models/<experiment>/<protocol>/`": "no rule makes such a file",
    "`splits/<experiment>.tsv`": "no rule makes such a file",
    "`elsewheres/<other run>/`": "no rule makes such a file",
    "`faces/<video>.png`": "no rule makes such a file",
    "`.gif`": "no rule makes such a file",
    # columns and other names
    "the column `video_name`": "no such column",
    "the columns `video_id` and\n`video_name`": "page.md:2: `video_name`: no such column",
    "| column | |\n|---|---|\n| `path` | |\n| `paths` | |": "page.md:4: `paths`: no such column",
    "| model | what |\n|---|---|\n| `forest` | |": "no such model",
    "the protocol `person`": "no such protocol",
    "the rule `make_store`": "no such rule",
    "`dct+sparse`": "nothing is called so",
    "`test_that_nobody_has_written`": "nothing is called so",
}


def page_of(folder, text):
    page = folder / "page.md"
    page.write_text(text)
    return page


def test_what_is_right_passes(checker, tmp_path):
    assert checker.problems(page_of(tmp_path, RIGHT)) == []


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_told_with_its_place(checker, tmp_path, text):
    (problem,) = checker.problems(page_of(tmp_path, text))
    assert problem.startswith("page.md:")
    assert WRONG[text] in problem
