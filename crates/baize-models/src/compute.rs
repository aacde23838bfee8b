//! What computes.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

use crate::ModelError;

/// What shall compute, as the configuration says it: `auto`, `cpu`, `cuda` or `cuda:1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compute {
    /// The first CUDA GPU where there is one, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA GPU with this number, counted from 0.
    Cuda(usize),
}

impl FromStr for Compute {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || ModelError::Device(format!("'{text}' is no device: use auto, cpu, cuda or cuda:0"));
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => {
                let number = text.strip_prefix("cuda:").ok_or_else(unknown)?;
                number.parse().map(Self::Cuda).map_err(|_| unknown())
            }
        }
    }
}

impl fmt::Display for Compute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl Compute {
    /// Finds the device.
    ///
    /// # Errors
    /// [`ModelError::Device`] where a GPU is asked for that is not there, or that this build can't use.
    pub fn resolve(self) -> Result<ComputeDevice, ModelError> {
        let mut gpus = cuda_devices();
        match self {
            Self::Cpu => Ok(ComputeDevice::cpu()),
            Self::Auto if gpus.is_empty() => Ok(ComputeDevice::cpu()),
            Self::Auto => Ok(gpus.swap_remove(0)),
            Self::Cuda(number) if number < gpus.len() => Ok(gpus.swap_remove(number)),
            Self::Cuda(number) if cfg!(feature = "cuda") => Err(ModelError::Device(format!(
                "there is no CUDA GPU {number}: {} found; check the driver with nvidia-smi, or use cpu",
                gpus.len()
            ))),
            Self::Cuda(_) => Err(ModelError::Device(
                "this build has no CUDA support: use cpu, or build with the feature cuda".to_owned(),
            )),
        }
    }
}

/// A device that is there. Its text, such as `cpu (burn-flex)`, is for people.
#[derive(Clone, Debug)]
pub struct ComputeDevice {
    pub(crate) device: Device,
    name: String,
}

impl ComputeDevice {
    fn cpu() -> Self {
        Self { device: Device::flex(), name: "cpu (burn-flex)".to_owned() }
    }
}

impl fmt::Display for ComputeDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Every device that [`Compute::resolve`] can give, GPUs first.
pub fn list_devices() -> Vec<ComputeDevice> {
    let mut devices = cuda_devices();
    devices.push(ComputeDevice::cpu());
    devices
}

#[cfg(feature = "cuda")]
fn cuda_devices() -> Vec<ComputeDevice> {
    // Enumerating is safe without a driver; creating a device is not.
    let found = Device::enumerate(burn::tensor::DeviceType::Cuda);
    let named = |(number, device)| ComputeDevice { device, name: format!("cuda:{number} (burn-cuda)") };
    found.into_iter().enumerate().map(named).collect()
}

#[cfg(not(feature = "cuda"))]
fn cuda_devices() -> Vec<ComputeDevice> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() {
        for (text, compute) in [("auto", Compute::Auto), ("cpu", Compute::Cpu), ("cuda:3", Compute::Cuda(3))]
        {
            assert_eq!(text.parse::<Compute>().unwrap(), compute);
            assert_eq!(compute.to_string(), text);
        }
        assert_eq!("cuda".parse::<Compute>().unwrap(), Compute::Cuda(0));
        for text in ["", "gpu", "cuda:", "cuda:-1", "CPU"] {
            assert!(text.parse::<Compute>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_cpu_is_always_there() {
        assert_eq!(Compute::Cpu.resolve().unwrap().to_string(), "cpu (burn-flex)");
        assert!(Compute::Auto.resolve().is_ok());
        assert_eq!(list_devices().last().unwrap().to_string(), "cpu (burn-flex)");
    }

    #[test]
    fn a_gpu_that_is_not_there_is_an_error_with_a_remedy() {
        let error = Compute::Cuda(63).resolve().unwrap_err();
        assert!(error.to_string().contains("use cpu"), "{error}");
    }
}
