//! baize-train
mod augment;
mod calibrate;
mod card;
mod checkpoint;
mod data;
mod export;
mod fast;
mod metrics;
mod network;
mod sampler;
mod scoring;
mod trainer;
mod training;
mod weights;
pub use training::CxrTraining;
