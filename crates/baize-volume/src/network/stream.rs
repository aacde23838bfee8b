//! Plane by plane through all layers.
//!
//! A layer of dilation d needs three planes of the layer before it: d before, its own, d behind. So each layer keeps the
//! last 2d + 1 planes of what it reads and no more, and as soon as the newest of them is there, its next plane is
//! computed. Every plane of every layer is computed once: the result is that of whole-volume layers, bit by bit, and
//! memory does not grow with the number of planes. For 21 channels and planes of 256 × 256 that is 0.6 GB, where two
//! whole layers would take 2.8 GB.

use baize_core::{ErrorCode, Fault};
use rayon::prelude::*;

use super::classify::Strongest;
use super::kernel::{PAD, Row, dispatch, stride};
use super::{Hidden, Network, Size};

/// The last planes of what a layer reads.
struct Ring {
    /// `[row][channel][stride]` each.
    planes: Vec<Vec<f32>>,
    /// Planes that came in.
    count: usize,
}

impl Ring {
    fn new(planes: usize, floats: usize) -> Self {
        Self { planes: vec![vec![0.0; floats]; planes], count: 0 }
    }

    /// The place for the next plane, which takes that of the oldest one.
    fn next(&mut self) -> &mut Vec<f32> {
        let place = self.count % self.planes.len();
        self.count += 1;
        &mut self.planes[place]
    }

    fn plane(&self, number: usize) -> &[f32] {
        &self.planes[number % self.planes.len()]
    }
}

/// Floats of a plane of that many channels.
fn floats(size: Size, channels: usize) -> usize {
    size.rows * channels * stride(size.columns)
}

/// The dilation of what reads each layer's output: the next layer's, and none for the last layer.
fn readers(network: &Network) -> impl Iterator<Item = (usize, usize)> + '_ {
    let channels = std::iter::once(1).chain(network.hidden.iter().map(|layer| layer.packed.channels_out));
    let dilations = network.hidden.iter().map(|layer| layer.dilation).chain(std::iter::once(0));
    channels.zip(dilations)
}

/// Bytes that [`run`] holds, with the volume before and behind it.
pub(super) fn bytes(network: &Network, size: Size) -> u64 {
    let planes: u64 = readers(network)
        .map(|(channels, dilation)| floats(size, channels) as u64 * (2 * dilation as u64 + 1))
        .sum();
    4 * planes + 5 * size.voxels() as u64
}

/// Computes the label of every voxel.
pub(super) fn run(
    network: &Network,
    voxels: &[f32],
    size: Size,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Vec<u8>, Fault> {
    let mut rings: Vec<Ring> = readers(network)
        .map(|(channels, dilation)| Ring::new(2 * dilation + 1, floats(size, channels)))
        .collect();
    let mut labels = vec![0; size.voxels()];
    let per_plane = size.rows * size.columns;
    if per_plane == 0 {
        return Ok(labels);
    }
    let mut answers = labels.chunks_exact_mut(per_plane);
    let mut done = 0;
    for plane in voxels.chunks_exact(per_plane) {
        take(rings[0].next(), plane, size);
        // One plane at a time, the deepest layer that can go on first: what a layer still reads is never written over.
        while let Some(number) = (0..network.hidden.len()).rev().find(|number| {
            let next = rings[number + 1].count;
            next < size.planes && ready(&rings[*number], next, network.hidden[*number].dilation, size)
        }) {
            let (before, behind) = rings.split_at_mut(number + 1);
            convolve(&network.hidden[number], &before[number], &mut behind[0], size);
            let last = &rings[network.hidden.len()];
            if last.count > done {
                let Some(answer) = answers.next() else { break };
                classify(network, last.plane(done), answer, size)?;
                done += 1;
                progress(done);
            }
        }
    }
    Ok(labels)
}

/// The planes around that one are there.
fn ready(read: &Ring, plane: usize, dilation: usize, size: Size) -> bool {
    read.count > (plane + dilation).min(size.planes - 1)
}

/// A plane of the volume between zeros.
fn take(place: &mut [f32], plane: &[f32], size: Size) {
    let rows = place.chunks_exact_mut(stride(size.columns));
    for (place, row) in rows.zip(plane.chunks_exact(size.columns)) {
        place[PAD..PAD + size.columns].copy_from_slice(row);
    }
}

/// The next plane of a layer.
fn convolve(layer: &Hidden, read: &Ring, write: &mut Ring, size: Size) {
    let plane = write.count;
    let stride = stride(size.columns);
    let row_in = layer.packed.channels_in * stride;
    let row_out = layer.packed.channels_out * stride;
    let dilation = layer.dilation;
    let tap = |place: usize, number: usize, limit: usize| {
        (place + number * dilation).checked_sub(dilation).filter(|place| *place < limit)
    };
    let planes = [0, 1, 2].map(|number| tap(plane, number, size.planes).map(|plane| read.plane(plane)));
    let make = |(row, out): (usize, &mut [f32])| {
        let around = std::array::from_fn(|number| {
            let at = tap(row, number % 3, size.rows)? * row_in;
            planes[number / 3].map(|plane| &plane[at..at + row_in])
        });
        let activation = layer.activation;
        dispatch(Row { packed: &layer.packed, dilation, activation, around, columns: size.columns, out });
    };
    write.next().par_chunks_exact_mut(row_out).enumerate().for_each(make);
}

/// The labels of a plane.
fn classify(network: &Network, plane: &[f32], labels: &mut [u8], size: Size) -> Result<(), Fault> {
    let rows = plane.par_chunks_exact(plane.len() / size.rows);
    let sound = rows.zip(labels.par_chunks_exact_mut(size.columns)).all(|(row, labels)| {
        dispatch(Strongest { weights: &network.last, bias: &network.last_bias, row, labels })
    });
    let nonsense = || Fault::new(ErrorCode::InferenceFailed, "the network's answer is not a number");
    if sound { Ok(()) } else { Err(nonsense()) }
}
