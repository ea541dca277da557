"""Export MTCNN's networks as ONNX files, once for all videos."""

from pathlib import Path

from workflow_scripts.lib.faces.mtcnn_export import export_models


def main(networks: list[Path]) -> None:
    """Write `networks`: `pnet.onnx`, `rnet.onnx` and `onet.onnx` in one folder."""
    export_models(networks[0].parent)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)
