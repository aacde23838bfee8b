//! baize-testkit
