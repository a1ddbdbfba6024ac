//! What every field means.

use stripchart_core::FieldDescriptor;

/// Every field that a sampler may write.
pub(crate) static DESCRIPTORS: [FieldDescriptor; 0] = [];
