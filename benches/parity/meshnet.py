"""Parity of `baize volume` with the same network in PyTorch, on a T1 volume written as a DICOM MR series.

    meshnet.py --baize BIN --data DIR [--model brainchop-gw] [--plane sagittal] [--whole]

DIR is a checkout of niivue-brainchop's models beside the volume: DIR/t1_crop.nii.gz, DIR/model5_gw_ae/model.json, and so
on. The script writes the series, has `baize volume` analyse it, reads the DICOM Segmentation with pydicom, brings its
frames back into the volume's own axes by their Image Position (Patient), and compares voxel by voxel with the network
computed here: model.json and its numbers read independently, PyTorch's conv3d on the volume, min-max or quantiles, the box
around the head and upstream's margin (`--whole`: no box at all). Prints one JSON line. Needs numpy, torch and pydicom; the
volume must already be on brainchop's grid (256 x 256 x 256, 1 mm), as t1_crop.nii.gz is.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).parent))

# Upstream's brainchop-parameters.js: folder, quantiles, threshold of the box, margin, model that finds the box.
MODELS = {
    "brainchop-gw": ("model5_gw_ae", False, 0.0, 18, None),
    "brainchop-gw-accurate": ("model20chan3cls", True, 0.2, 0, None),
    "brainchop-subcortical": ("model18cls", False, 0.2, 0, None),
    "brainchop-aparc": ("model21_104class", False, 0.0, 0, "brainchop-gw"),
}
SLAB = 24


def layers(folder):
    import torch

    model = json.loads((folder / "model.json").read_text())
    numbers = {}
    for group in model["weightsManifest"]:
        raw = b"".join((folder / path).read_bytes() for path in group["paths"])
        at = 0
        for weight in group["weights"]:
            count = int(numpy.prod(weight["shape"]))
            numbers[weight["name"]] = numpy.frombuffer(raw, "<f4", count, at).reshape(weight["shape"])
            at += 4 * count
    found = []
    for layer in model["modelTopology"]["model_config"]["config"]["layers"]:
        config = layer["config"]
        if layer["class_name"] == "Conv3D":
            kernel = numbers[layer["name"] + "/kernel"].transpose(4, 3, 0, 1, 2).copy()
            bias = numbers[layer["name"] + "/bias"].copy()
            found.append([torch.from_numpy(kernel), torch.from_numpy(bias), config["dilation_rate"][0], None])
        elif layer["class_name"] == "Activation":
            found[-1][3] = {"relu": torch.relu_, "elu": torch.nn.functional.elu_}[config["activation"]]
    return found


def network(folder, volume):
    """The labels of a volume [x, y, z]."""
    import torch
    from torch.nn.functional import conv3d, pad

    *hidden, last = layers(folder)
    values = torch.from_numpy(volume)[None, None]
    depth = volume.shape[0]
    with torch.no_grad():
        for kernel, bias, dilation, activation in hidden:
            out = torch.empty((1, len(bias), *volume.shape))
            for begin in range(0, depth, SLAB):
                end = min(begin + SLAB, depth)
                low, high = max(begin - dilation, 0), min(end + dilation, depth)
                ends = (dilation - (begin - low), dilation - (high - end))
                slab = pad(values[:, :, low:high], (dilation,) * 4 + ends)
                out[:, :, begin:end] = conv3d(slab, kernel, bias, dilation=dilation)
            values = activation(out)
        answers = [conv3d(values[:, :, x : x + 1], *last[:2]).argmax(1)[0] for x in range(depth)]
    return torch.cat(answers).numpy().astype(numpy.uint8)


def reference(data, model, voxels, whole):
    folder, quantiles, threshold, margin, first = MODELS[model]
    volume = voxels.astype(numpy.float32)
    low, high = volume.min(), volume.max()
    if quantiles:
        ordered = numpy.sort(volume, axis=None)
        low = ordered[int(numpy.floor(ordered.size * 0.05))]
        high = ordered[int(numpy.ceil(ordered.size * 0.95)) - 1]
    volume = (volume - low) / (high - low)
    if whole:
        return network(data / folder, volume)
    counts = volume > threshold * volume.max() if first is None else reference(data, first, voxels, False) > 0
    edges = [numpy.flatnonzero(counts.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    box = tuple(slice(edge[0], edge[-1] + 1) for edge in edges)
    part = network(data / folder, numpy.pad(volume[box], margin))
    labels = numpy.zeros(volume.shape, numpy.uint8)
    inner = tuple(slice(margin, side - margin) for side in part.shape)
    labels[box] = part[inner]
    return labels


def segmentation(path, shape, matrix):
    """The labels of a DICOM Segmentation in the axes of the volume, with what else it says."""
    import pydicom

    segments = pydicom.dcmread(path)
    frames = segments.pixel_array.astype(bool).reshape(-1, segments.Rows, segments.Columns)
    shared = segments.SharedFunctionalGroupsSequence[0]
    directions = numpy.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(2, 3)
    down_spacing, across_spacing = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    thickness = float(shared.PixelMeasuresSequence[0].SliceThickness)
    inverse = numpy.linalg.inv(matrix)
    labels = numpy.zeros(shape, numpy.uint8)
    counts = {}
    for frame, groups in zip(frames, segments.PerFrameFunctionalGroupsSequence, strict=True):
        number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        origin = numpy.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        rows, columns = numpy.nonzero(frame)
        points = (
            origin
            + numpy.outer(columns, directions[0] * across_spacing)
            + numpy.outer(rows, directions[1] * down_spacing)
        )
        places = points @ inverse[:3, :3].T + inverse[:3, 3]
        whole = numpy.rint(places).astype(int)
        if len(places) and numpy.abs(places - whole).max() > 0.01:
            raise SystemExit("a frame does not lie on the volume")
        x, y, z = whole.T
        if labels[x, y, z].any():
            raise SystemExit("two segments share a voxel")
        labels[x, y, z] = number
        counts[number] = counts.get(number, 0) + len(rows)
    voxel = down_spacing * across_spacing * thickness / 1000
    return labels, {number: count * voxel for number, count in counts.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baize", required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--model", choices=MODELS, default="brainchop-gw")
    parser.add_argument("--plane", default="sagittal")
    parser.add_argument("--whole", action="store_true", help="the reference sees the whole volume, without a box")
    parser.add_argument("--reference", type=pathlib.Path, help="keeps the reference's labels here, or takes them from here")
    given = parser.parse_args()
    import mr_series

    recipes = pathlib.Path(__file__).parents[2] / "weights/recipes"
    voxels, matrix = mr_series.read_nifti(given.data / "t1_crop.nii.gz")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "weights").mkdir()
        (folder / "weights/recipes").symlink_to(recipes.resolve())
        mr_series.write(voxels, matrix, folder / "series", given.plane, shuffled=True)
        first = MODELS[given.model][4]
        common = ["--set", f"models.weights_dir={folder}/weights", "--series", folder / "series", "--json"]
        if first:
            files = ["--model", first, "--install-from", given.data / MODELS[first][0], "--out", folder / "first"]
            subprocess.run([given.baize, "volume", *common, *files], check=True, stdout=subprocess.DEVNULL)
        begun = time.monotonic()
        files = ["--model", given.model, "--install-from", given.data / MODELS[given.model][0], "--out", folder / "out"]
        answer = subprocess.run([given.baize, "volume", *common, *files], check=True, stdout=subprocess.PIPE)
        seconds = time.monotonic() - begun
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        told = json.loads(answer.stdout)
        ours, millilitres = segmentation(folder / "out/seg.dcm", voxels.shape, matrix)
    if given.reference and given.reference.exists():
        theirs = numpy.load(given.reference)
    else:
        theirs = reference(given.data, given.model, voxels, given.whole)
        if given.reference:
            numpy.save(given.reference, theirs)
    inside = (ours > 0) | (theirs > 0)
    same = ours == theirs
    reported = {row["label"]: row["millilitres"] for row in told["structures"]}
    worst = max(abs(reported[label] - millilitres.get(label, 0.0)) for label in reported)
    line = {
        "model": given.model,
        "plane": given.plane,
        "reference": "whole volume" if given.whole else "upstream's box",
        "agreement": round(float(same.mean()), 7),
        "agreement_labelled": round(float(same[inside].mean()), 7),
        "voxels_that_differ": int((~same).sum()),
        "structures": len(reported),
        "worst_ml_difference_json_to_seg": round(worst, 6),
        "seconds": round(seconds, 1),
        "peak_rss_mib": peak // 1024,
    }
    print(json.dumps(line))
    sys.exit(0 if same.mean() >= 0.999 and worst < 0.001 else 1)


if __name__ == "__main__":
    main()
