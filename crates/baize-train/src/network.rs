//! The training pass over a network of `baize-models`: the same layers, other kernels.

use baize_models::networks::{ConvNorm, ResidualNet, ResidualTrunk};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use crate::fast;

/// Logits `[n, labels]` of images `[n, 1, h, w]`; normalises with the batch's statistics and moves the running ones.
pub(crate) fn forward_train(net: &ResidualNet, images: Tensor<4>) -> Tensor<2> {
    let members = net.trunks.iter().map(|trunk| features(trunk, images.clone())).collect();
    net.classify(Tensor::cat(members, 1))
}

fn features(trunk: &ResidualTrunk, images: Tensor<4>) -> Tensor<4> {
    let mut maps = conv_norm(&trunk.down, conv_norm(&trunk.stem, images, true), true);
    for block in &trunk.blocks {
        let inner = conv_norm(&block.first, maps.clone(), true);
        let inner = conv_norm(&block.second, inner, false);
        let shortcut = match &block.shortcut {
            Some(projection) => conv_norm(projection, maps, false),
            None => maps,
        };
        maps = relu(inner + shortcut);
    }
    maps
}

fn conv_norm(layer: &ConvNorm, input: Tensor<4>, rectify: bool) -> Tensor<4> {
    let (conv, norm) = (&layer.conv, &layer.norm);
    let output = fast::conv2d(input, conv.weight.val(), conv.stride[0], conv.kernel_size[0] / 2);
    let (output, mean, variance) =
        fast::norm_act(output, norm.gamma.val(), norm.beta.val(), norm.epsilon, rectify);
    let moved = |running: Tensor<1>, batch: Tensor<1>| {
        (running.detach() * (1.0 - norm.momentum) + batch.detach() * norm.momentum).detach()
    };
    norm.running_mean.update(moved(norm.running_mean.value_sync(), mean));
    norm.running_var.update(moved(norm.running_var.value_sync(), variance));
    output
}
