"""Write MTCNN's networks as ONNX files, once for all videos."""

from pathlib import Path

from workflow_scripts.lib.faces.mtcnn_export import export_models


def main(output_folder: Path) -> None:
    """Write `pnet.onnx`, `rnet.onnx` and `onet.onnx` to `output_folder`."""
    export_models(output_folder)


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(Path(snakemake.output[0]).parent)
