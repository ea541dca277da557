"""Tables: names stay what they are."""

import pandas as pd

from workflow_scripts.lib.common.tables import read_table


def test_names_that_look_like_something_else_stay_names(tmp_path):
    names = ["01", "NA", "null", "nan", "None", "1e5"]
    table = pd.DataFrame({"video": names, "method": [*names[:-1], ""], "score": 0.5})
    table.to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    read = read_table(tmp_path / "t.tsv")
    assert read["video"].tolist() == names
    assert read["method"].tolist()[:-1] == names[:-1]
    assert read["method"].isna().tolist() == [False] * 5 + [True]
    assert read["score"].dtype == float
