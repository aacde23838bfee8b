//! baize-store
