"""Writes crates/baize-models/tests/data: small networks with random weights, saved in every form that Baize reads, and what
PyTorch answers. Needs torch and torchvision; the exported graphs are those of torch.onnx.export of torch 1.13.

    python3 benches/parity/golden_networks.py crates/baize-models/tests/data
"""

import json
import sys
from pathlib import Path

import torch
import torchvision
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet


def image(channels):
    row, column = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    plane = ((row * 7 + column * 13 + row * column % 31) % 256) / 128.0 - 1.0
    return plane.expand(1, channels, 64, 64).float()


def lived_in(network, channels):
    """Running statistics that are not those of a fresh network."""
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(4, channels, 64, 64))
        for name, value in network.named_parameters():
            if value.ndim == 1:
                value.add_(0.2 * torch.randn_like(value))
    return network.eval()


def small_resnet(block, channels):
    network = ResNet(block, [1, 1, 1, 1], num_classes=3)
    # Two stages of 8 and 16 channels instead of four of 64 to 512.
    network.inplanes = 8
    network.conv1 = torch.nn.Conv2d(channels, 8, 7, 2, 3, bias=False)
    network.bn1 = torch.nn.BatchNorm2d(8)
    network.layer1 = network._make_layer(block, 8, 1)
    network.layer2 = network._make_layer(block, 16, 2, stride=2)
    network.layer3 = network.layer4 = torch.nn.Sequential()
    network.fc = torch.nn.Linear(16 * block.expansion, 3)
    return lived_in(network, channels)


def main(folder):
    torch.manual_seed(7)
    dense = torchvision.models.DenseNet(4, (2, 1, 2), 8, bn_size=2, num_classes=3)
    dense.features.conv0 = torch.nn.Conv2d(1, 8, 7, 2, 3, bias=False)
    dense = lived_in(dense, 1)
    resnet, bottleneck = small_resnet(BasicBlock, 3), small_resnet(Bottleneck, 1)

    # As upstreams do: the whole module, its state behind a key, its state alone.
    torch.save(dense, folder / "dense.pt")
    torch.save({"state_dict": dense.state_dict()}, folder / "dense-legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(resnet.state_dict(), folder / "resnet.pt")
    torch.save({"model": bottleneck.state_dict()}, folder / "bottleneck.pt")
    torch.onnx.export(dense, image(1), folder / "dense.onnx")
    torch.onnx.export(resnet, image(3), folder / "resnet.onnx")
    with torch.no_grad():
        answers = {
            "dense": dense(image(1))[0].tolist(),
            "resnet": resnet(image(3))[0].tolist(),
            "bottleneck": bottleneck(image(1))[0].tolist(),
        }
    (folder / "answers.json").write_text(json.dumps(answers) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
