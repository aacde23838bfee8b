//! baize-models
