//! What fuzz targets and their seeds have in common.

use baize_testkit::ObjectBuilder;

/// Computed Radiography Image Storage.
pub const CR: &str = "1.2.840.10008.5.1.4.1.1.1";

/// The object that goes to and fro.
pub fn object() -> ObjectBuilder {
    ObjectBuilder::chest(1).size(8, 8)
}
