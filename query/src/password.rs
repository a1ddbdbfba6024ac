//! Passwords: bcrypt, as InfluxDB keeps them, and a memory of those that were right.
//!
//! A check costs tens of milliseconds, which is its purpose; a client that sends ten requests a second is not to pay for each. So what was
//! right is remembered: not the password, but the SHA-256 of the stored hash and the password, which changes with either.

use std::collections::HashMap;

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use crate::QueryError;

/// InfluxDB's.
const COST: u32 = 10;

/// A hash that no password has: checked where there is no such user, so that the time tells nobody which users there are.
const NOBODY: &str = "$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/// The hash of `password`, with a fresh salt. Only its first 72 bytes count, as in InfluxDB.
pub(crate) fn hash(password: &str) -> Result<String, QueryError> {
    bcrypt::hash(password, COST).map_err(QueryError::storage)
}

/// Tells right passwords from wrong ones.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    /// By user; at most one entry for each there is.
    right: Mutex<HashMap<String, [u8; 32]>>,
}

impl Checker {
    /// Whether `password` is that of user `name`, whose hash is `hash`; `None`: there is no such user.
    pub(crate) fn is_right(&self, name: &str, hash: Option<&str>, password: &str) -> bool {
        let Some(hash) = hash else {
            let _ = bcrypt::verify(password, NOBODY);
            return false;
        };
        let digest: [u8; 32] = Sha256::new()
            .chain_update(hash)
            .chain_update([0])
            .chain_update(password)
            .finalize()
            .into();
        if self.right.lock().get(name) == Some(&digest) {
            return true;
        }
        let right = bcrypt::verify(password, hash).unwrap_or(false);
        if right {
            self.right.lock().insert(name.to_owned(), digest);
        }
        right
    }

    /// Forgets a user.
    pub(crate) fn forget(&self, name: &str) {
        self.right.lock().remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_ones_are_remembered_until_they_change() {
        let (first, second) = (hash("secret").unwrap(), hash("other").unwrap());
        assert!(first.starts_with("$2b$10$") && first != hash("secret").unwrap());
        let checker = Checker::default();
        assert!(!checker.is_right("u", Some(&first), "other"));
        assert!(checker.right.lock().is_empty());
        assert!(checker.is_right("u", Some(&first), "secret"));
        assert!(checker.is_right("u", Some(&first), "secret"));
        assert!(!format!("{checker:?}").contains("secret"));
        // Another password since.
        assert!(!checker.is_right("u", Some(&second), "secret"));
        assert!(checker.is_right("u", Some(&second), "other"));
        checker.forget("u");
        assert!(checker.right.lock().is_empty());
        assert!(!checker.is_right("v", None, ""));
    }

    #[test]
    fn hashes_of_influxdb_are_understood() {
        // Of "U*U", from bcrypt's own test vectors.
        let hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        assert!(Checker::default().is_right("u", Some(hash), "U*U"));
        assert!(!Checker::default().is_right("u", Some("no hash"), "U*U"));
    }

    #[test]
    fn nobody_has_a_hash_that_takes_as_long_as_any_other() {
        assert!(matches!(bcrypt::verify("", NOBODY), Ok(false)));
    }
}
