//! What the benches share: data made from a seed, so that two runs measure the same.

pub mod tsbs;
