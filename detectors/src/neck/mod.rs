//! Necks: what stands between backbone and head.

mod fpn;

pub use fpn::Fpn;
