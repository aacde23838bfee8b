"""torchxrayvision's DenseNet-121 here and there: the 18 outputs and the Grad-CAM of each, on 20 images.

Takes the package itself, instantiates its network with random weights, saves it as upstream saves it, has Baize convert
the file and read the images, and compares. Exit status 1 where a difference is above 1e-4.

    python3 benches/parity/xrv_densenet121.py --baize target/debug/baize --outputs target/debug/examples/outputs

Needs torchxrayvision, torch and scikit-image (benches/parity/requirements.txt); `make parity` installs and runs all.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import skimage.io
import torch
import torchxrayvision as xrv

LIMIT = 1e-4
NAME = "densenet121-res224-all"


def network():
    """Random weights, running statistics of a network that has seen something, upstream's operating points."""
    torch.manual_seed(20261124)
    model = xrv.models.DenseNet()
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(4, 1, 224, 224) * 300)
        for name, value in model.named_parameters():
            if "norm" in name:
                value.add_(0.1 * torch.randn_like(value))
        # Answers all over the scale, not all near one half.
        model.classifier.weight.mul_(8)
    model.op_threshs = torch.tensor(xrv.models.model_urls[NAME]["op_threshs"])
    model.pathologies = xrv.models.model_urls[NAME]["labels"]
    return model.eval()


def images(folder):
    """Twenty grey images of many sizes, 8 and 16 bits."""
    draw = np.random.default_rng(7)
    for number in range(20):
        rows, columns = (int(side) for side in draw.integers(180, 1400, 2))
        row, column = np.mgrid[0:rows, 0:columns] / 400.0
        image = np.zeros((rows, columns))
        for _ in range(12):
            a, b, phase = draw.normal(0, 6), draw.normal(0, 6), draw.uniform(0, 7)
            image += draw.uniform(0.2, 1) * np.sin(a * row + b * column + phase)
        image += draw.normal(0, 0.3, image.shape)
        image = (image - image.min()) / (image.max() - image.min())
        if number % 2:
            image = np.round(image * 255).astype(np.uint8)
        else:
            image = np.round(image * 65535).astype(np.uint16)
        skimage.io.imsave(folder / f"{number:02}.png", image, check_contrast=False)


def grad_cam(model, view):
    """Selvaraju et al. 2017 by its definition, with gradients: [labels, rows, columns], each with maximum 1."""
    with torch.no_grad():
        maps = torch.nn.functional.relu(model.features(view))
    maps.requires_grad_()
    logits = model.classifier(maps.mean(dim=(2, 3)))[0]
    result = []
    for logit in logits:
        maps.grad = None
        logit.backward(retain_graph=True)
        weights = maps.grad.mean(dim=(2, 3), keepdim=True)
        cam = torch.nn.functional.relu((weights * maps).sum(dim=1))[0].detach()
        result.append(cam / cam.max() if cam.max() > 0 else cam * 0)
    return torch.stack(result).numpy()


def reference(model, folder):
    answers = {}
    prepare = [xrv.datasets.XRayCenterCrop(), xrv.datasets.XRayResizer(224)]
    for path in sorted(folder.iterdir()):
        image = skimage.io.imread(path)
        image = xrv.datasets.normalize(image, np.iinfo(image.dtype).max)[None]
        for step in prepare:
            image = step(image)
        view = torch.from_numpy(image)[None].float()
        with torch.no_grad():
            scores = model(view)[0].numpy()
        answers[path.name] = scores, grad_cam(model, view)
    return answers


def ours(arguments, work, saved):
    weights = work / "weights"
    shutil.copytree(arguments.recipes, weights / "recipes")
    environment = dict(os.environ, BAIZE__MODELS__WEIGHTS_DIR=str(weights))
    command = [arguments.baize, "models", "convert", "--from", "torchxrayvision", str(saved)]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    command = [arguments.outputs, str(weights), "xrv-densenet121", str(work / "images")]
    answers = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    shape = lambda answer: (-1, answer["rows"], answer["columns"])
    return {
        name: (np.array(answer["scores"]), np.array(answer["heat"]).reshape(shape(answer)))
        for name, answer in answers.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--baize", type=Path, required=True)
    parser.add_argument("--outputs", type=Path, required=True)
    parser.add_argument("--recipes", type=Path, default=Path("weights/recipes"))
    parser.add_argument("--json", type=Path, help="writes the result here")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "images").mkdir()
        images(work / "images")
        model = network()
        # Upstream saves the whole module.
        torch.save(model, work / "upstream.pt")
        theirs, mine = reference(model, work / "images"), ours(arguments, work, work / "upstream.pt")
    scores = max(np.abs(theirs[name][0] - mine[name][0]).max() for name in theirs)
    heat = max(np.abs(theirs[name][1] - mine[name][1]).max() for name in theirs)
    spread = np.concatenate([theirs[name][0] for name in theirs])
    result = {
        "model": NAME,
        "images": len(theirs),
        "labels": int(spread.size / len(theirs)),
        "scores_from": float(spread.min()),
        "scores_to": float(spread.max()),
        "largest_difference_of_scores": float(scores),
        "largest_difference_of_heat": float(heat),
        "limit": LIMIT,
        "torchxrayvision": xrv.__version__,
        "torch": torch.__version__,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")
    sys.exit(0 if max(scores, heat) <= LIMIT else 1)


if __name__ == "__main__":
    main()
