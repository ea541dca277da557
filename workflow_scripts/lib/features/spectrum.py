"""The feature set `spectrum`."""

from functools import cache

import numpy as np

from workflow_scripts.lib.features._planes import PLANES, by_crop

FLOOR = 1e-3  # power, squared grey levels; keeps the logarithm finite


def spectrum(crops: np.ndarray) -> np.ndarray:
    """Azimuthal average of the power spectrum, log10, per plane of YCbCr and ring one cycle per
    crop wide, minus the plane's mean over the rings, which cancels contrast (Durall et al. 2020). A
    Hann window fades the crop out towards its edges, so that they do not affect the spectrum and
    the face has more weight than its surroundings.
    """
    n_rings = crops.shape[1] // 2

    def row(planes: np.ndarray) -> np.ndarray:
        return np.concatenate([_profile(plane) for plane in planes])

    return by_crop(crops, row, len(PLANES) * n_rings)


def frequencies(side: int) -> np.ndarray:
    """Radial frequency of each ring of one plane, (side // 2,), cycles per pixel of the crop."""
    return np.arange(1, side // 2 + 1) / side


def columns(side: int) -> list[str]:
    """`spectrum.luma[r]`: r cycles per crop."""
    return [f"spectrum.{plane}[{r}]" for plane in PLANES for r in range(1, side // 2 + 1)]


def _profile(plane: np.ndarray) -> np.ndarray:
    side = len(plane)
    window, ring_of, weight, ring_weight = _rings(side)
    waves = np.fft.rfft2((plane - plane.mean(dtype=np.float64)) * window)
    power = np.square(waves.real) + np.square(waves.imag)
    sums = np.bincount(ring_of, weights=(power * weight).ravel())[1 : side // 2 + 1]
    profile = np.log10(sums / ring_weight + FLOOR)
    return profile - profile.mean()


@cache
def _rings(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The window, the ring and the weight of each wave, and the weight of each ring."""
    window = np.outer(np.hanning(side), np.hanning(side))
    y, x = np.fft.fftfreq(side, 1 / side), np.fft.rfftfreq(side, 1 / side)
    ring_of = np.rint(np.hypot(y[:, None], x[None, :])).astype(np.intp).ravel()
    # the waves of a real image come in conjugate pairs, of which rfft2 returns one
    weight = np.where((x == 0) | (2 * x == side), 1.0, 2.0)
    all_weights = np.broadcast_to(weight, (side, len(x))).ravel()
    return window, ring_of, weight, np.bincount(ring_of, all_weights)[1 : side // 2 + 1]
