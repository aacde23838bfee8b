//! baize-engine
