//! Weights under PyTorch's names.

use std::collections::BTreeMap;

use super::{Layer, Normal, Values, set_conv, set_linear, set_norm};

/// What a file of weights may hold beside them: counters of training, and torchxrayvision's operating points, which stand
/// in the manifest.
const IDLE: [&str; 2] = ["num_batches_tracked", "op_threshs"];

/// Weights by name, such as `features.conv0.weight`.
pub(crate) struct Named(BTreeMap<String, Values>);

impl Named {
    pub(super) fn new(values: BTreeMap<String, Values>) -> Self {
        Self(values)
    }

    /// Puts every weight into the layer of its name. What stands before all names (`module.`, `model.`, `state_dict.`)
    /// doesn't matter.
    pub(super) fn fill(mut self, layers: Vec<(String, Layer<'_>)>) -> Result<(), String> {
        let prefix = self.prefix(&layers)?;
        for (name, layer) in layers {
            let mut take = |part: &str, shape: &[usize]| {
                let key = format!("{prefix}{name}.{part}");
                let values = self.0.remove(&key).ok_or_else(|| format!("the file has no {key}"))?;
                values.of_shape(shape, &key)
            };
            match layer {
                Layer::Conv(conv) => set_conv(conv, take("weight", &conv.weight.val().dims())?),
                Layer::Norm(norm) => {
                    let shape = norm.gamma.val().dims();
                    let values = Normal {
                        gamma: take("weight", &shape)?,
                        beta: take("bias", &shape)?,
                        mean: take("running_mean", &shape)?,
                        variance: take("running_var", &shape)?,
                    };
                    set_norm(norm, values);
                }
                Layer::Linear(linear) => {
                    let [inputs, outputs] = linear.weight.val().dims();
                    let weight = take("weight", &[outputs, inputs])?;
                    set_linear(linear, weight, take("bias", &[outputs])?);
                }
            }
        }
        let left: Vec<&String> =
            self.0.keys().filter(|name| !IDLE.iter().any(|idle| name.ends_with(idle))).collect();
        match left.first() {
            None => Ok(()),
            Some(first) => {
                Err(format!("the file has {} weights that the network lacks, such as {first}", left.len()))
            }
        }
    }

    /// What stands before the names of all layers.
    fn prefix(&self, layers: &[(String, Layer<'_>)]) -> Result<String, String> {
        let (Some((first, _)), Some((last, _))) = (layers.first(), layers.last()) else {
            return Ok(String::new());
        };
        let (wanted, end) = (format!("{first}.weight"), format!("{last}.weight"));
        let prefix = |name: &String| {
            let prefix = name.strip_suffix(wanted.as_str())?;
            let stands_alone = prefix.is_empty() || prefix.ends_with('.');
            (stands_alone && self.0.contains_key(&format!("{prefix}{end}"))).then(|| prefix.to_owned())
        };
        self.0.keys().find_map(prefix).ok_or_else(|| {
            let example = self.0.keys().next().map_or("nothing", String::as_str);
            format!(
                "the file has no {wanted} with {end}: it holds {} arrays, such as {example}",
                self.0.len()
            )
        })
    }
}
