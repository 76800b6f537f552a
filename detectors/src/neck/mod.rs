//! Necks: what stands between backbone and head.

mod fpn;
mod transfer;

pub use fpn::Fpn;
pub use transfer::Transfer;
