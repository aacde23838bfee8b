//! baize-sched
