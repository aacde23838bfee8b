//! baize-imaging
