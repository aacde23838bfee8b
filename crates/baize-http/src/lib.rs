//! baize-http
