//! baize-train
