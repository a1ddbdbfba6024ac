//! Cgroups: the files of versions 1 and 2, where they are mounted, and what their names tell.
//!
//! As with [`crate::proc`], each kernel file has a module with one type and one `parse`; files that hold a single number
//! share [`Value`] and [`Limit`].

mod hierarchy;
mod list;
mod name;
pub mod v1;
pub mod v2;
mod value;

pub use hierarchy::{Controller, Hierarchies};
pub use list::NumberList;
pub(crate) use list::numbers_in;
pub use name::{Identity, Runtime};
pub use value::{Limit, Value};

#[cfg(feature = "linux")]
mod files;
#[cfg(feature = "linux")]
mod publish;
#[cfg(feature = "linux")]
mod read;
#[cfg(feature = "linux")]
mod rows;
#[cfg(feature = "linux")]
mod source;
#[cfg(feature = "linux")]
mod tree;

#[cfg(feature = "linux")]
pub(crate) use rows::{cadvisor_descriptors, descriptors};
#[cfg(feature = "linux")]
pub(crate) use source::Cgroups;
