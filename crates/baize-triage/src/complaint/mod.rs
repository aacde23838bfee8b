//! Reads chief complaints.
