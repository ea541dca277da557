"""The benchmark of a cluster, at a small size."""

import pytest

from tests.benchmarks import bench_cluster
from tests.commands.test_benchmarks import COMMANDS


@pytest.mark.slow
def test_it_tells_what_a_video_costs(cluster, tmp_path, capsys):
    bench_cluster.measure(tmp_path, 2)
    COMMANDS[bench_cluster.__name__].check(capsys.readouterr().out)
