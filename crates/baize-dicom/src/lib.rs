//! baize-dicom
