//! A network's values as one flat list, for averaging and for comparing.

use baize_models::networks::{ConvNorm, ResidualNet};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId, RunningState};
use burn::tensor::{Tensor, TensorData};

struct Collect(Vec<f32>);

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.extend(param.val().into_data().iter::<f32>());
    }
}

struct Assign<'a>(&'a [f32]);

impl ModuleMapper for Assign<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| {
            let shape = tensor.shape();
            let (own, rest) = self.0.split_at(shape.num_elements());
            self.0 = rest;
            Tensor::from_data(TensorData::new(own.to_vec(), shape), &tensor.device())
        })
    }
}

/// Every weight and every running statistic, in the order of the fields. The network must not be on an
/// autodiff device: take `valid()` first, which also gathers the running statistics.
pub(crate) fn flatten(net: &impl Module) -> Vec<f32> {
    let mut collect = Collect(Vec::with_capacity(net.num_params()));
    net.visit(&mut collect);
    collect.0
}

/// The network with the values of [`flatten`]; same conditions.
pub(crate) fn assign(net: ResidualNet, values: &[f32]) -> ResidualNet {
    net.map(&mut Assign(values))
}

struct Number(u64);

impl Number {
    fn next(&mut self) -> ParamId {
        self.0 += 1;
        ParamId::from(self.0)
    }
}

impl ModuleMapper for Number {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        Param::initialized(self.next(), param.into_value())
    }
}

/// The module with its parameters numbered in order instead of at random, so that equal weights make equal files.
/// It must not be on an autodiff device, nor have running statistics.
pub(crate) fn in_order<M: Module>(module: M) -> M {
    module.map(&mut Number(0))
}

/// As [`in_order`], for a network with running statistics.
pub(crate) fn numbered(net: ResidualNet) -> ResidualNet {
    let mut number = Number(0);
    let mut net = net.map(&mut number);
    // Mapping leaves the identities of running statistics as they are.
    let mut renumber = |layer: &mut ConvNorm| {
        for running in [&mut layer.norm.running_mean, &mut layer.norm.running_var] {
            *running = RunningState::with_id(number.next(), running.value());
        }
    };
    for trunk in &mut net.trunks {
        renumber(&mut trunk.stem);
        renumber(&mut trunk.down);
        for block in &mut trunk.blocks {
            renumber(&mut block.first);
            renumber(&mut block.second);
            block.shortcut.iter_mut().for_each(&mut renumber);
        }
    }
    net
}
