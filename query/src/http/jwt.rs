//! Signed tokens (JSON Web Tokens, RFC 7519), as far as InfluxDB takes them: signed with a secret that both sides know.
//!
//! ```text
//! base64url({"alg": "HS256"}) . base64url({"username": "ann", "exp": 1700000000}) . base64url(HMAC of what stands before)
//! ```
//!
//! `alg` is HS256, HS384 or HS512; any other, `none` above all, is refused before a claim is believed. `exp`, the second
//! at which the token ends, must be there; `iat` and `nbf`, at which it begins, may be.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::{Sha256, Sha384, Sha512};
use stripchart_core::Timestamp;

use super::base64;

/// The name that `token` speaks for, if `secret` has signed it and it holds at `now`; otherwise InfluxDB's sentence.
pub(super) fn user_of(token: &str, secret: &[u8], now: Timestamp) -> Result<String, String> {
    let segments: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = segments[..] else {
        return Err("token contains an invalid number of segments".to_owned());
    };
    let signed = &token[..header.len() + 1 + claims.len()];
    let (header, claims) = (object(header)?, object(claims)?);
    let algorithm = header.get("alg").and_then(Value::as_str);
    let algorithm = algorithm.ok_or("signing method (alg) is unspecified.")?;
    if !is_signed(algorithm, signed, signature, secret)? {
        return Err("signature is invalid".to_owned());
    }
    in_time(&claims, now)?;
    match claims.get("username") {
        Some(Value::String(name)) if name.is_empty() => {
            Err("token must contain a username".to_owned())
        }
        Some(Value::String(name)) => Ok(name.clone()),
        _ => Err("username in token must be a string".to_owned()),
    }
}

/// A segment of JSON.
fn object(segment: &str) -> Result<Map<String, Value>, String> {
    let bytes = base64::decode_url(segment)
        .map_err(|at| format!("illegal base64 data at input byte {at}"))?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

fn is_signed(
    algorithm: &str,
    signed: &str,
    signature: &str,
    secret: &[u8],
) -> Result<bool, String> {
    fn verified<M: Mac + KeyInit>(signed: &str, signature: &[u8], secret: &[u8]) -> bool {
        let Ok(mut mac) = <M as KeyInit>::new_from_slice(secret) else { return false };
        mac.update(signed.as_bytes());
        mac.verify_slice(signature).is_ok() // in the same time wherever they differ
    }
    let Ok(signature) = base64::decode_url(signature) else { return Ok(false) };
    match algorithm {
        "HS256" => Ok(verified::<Hmac<Sha256>>(signed, &signature, secret)),
        "HS384" => Ok(verified::<Hmac<Sha384>>(signed, &signature, secret)),
        "HS512" => Ok(verified::<Hmac<Sha512>>(signed, &signature, secret)),
        other => Err(format!("unexpected signing method: {other}")),
    }
}

/// Whether the token holds at `now`.
fn in_time(claims: &Map<String, Value>, now: Timestamp) -> Result<(), String> {
    const NANOS_PER_SEC: i64 = 1_000_000_000;
    let now = now.nanos().div_euclid(NANOS_PER_SEC) as f64;
    let second = |name: &str| claims.get(name).and_then(Value::as_f64);
    let begins_later = |name: &str| second(name).is_some_and(|begins| begins > now);
    if second("exp").is_some_and(|ends| ends > 0.0 && ends < now) {
        return Err("Token is expired".to_owned());
    }
    if begins_later("nbf") {
        return Err("Token is not valid yet".to_owned());
    }
    if begins_later("iat") {
        return Err("Token used before issued".to_owned());
    }
    match second("exp") {
        Some(ends) if ends > 0.0 => Ok(()),
        _ => Err("token expiration required".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(2_000_000_000);

    /// Base64 of the tests' own, so that one does not prove itself.
    fn encoded(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let digit = |group: &[u8], at: usize| {
            let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
                << (8 * (3 - group.len()));
            char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize])
        };
        let groups = bytes.chunks(3);
        groups
            .flat_map(|group| (0..=group.len()).map(|at| digit(group, at)).collect::<Vec<_>>())
            .collect()
    }

    fn token(header: &str, claims: &str, secret: &str) -> String {
        let signed = format!("{}.{}", encoded(header.as_bytes()), encoded(claims.as_bytes()));
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", encoded(&mac.finalize().into_bytes()))
    }

    #[test]
    fn what_influxdb_says() {
        let hs256 = r#"{"alg":"HS256","typ":"JWT"}"#;
        let cases: &[(&str, &str, &str, Result<&str, &str>)] = &[
            (hs256, r#"{"username":"ann","exp":2000000001}"#, "key", Ok("ann")),
            (hs256, r#"{"username":"ann","exp":2000000000.5,"iat":1,"nbf":1}"#, "key", Ok("ann")),
            (hs256, r#"{"username":"ann","exp":2000000001}"#, "other", Err("signature is invalid")),
            (hs256, r#"{"username":"ann","exp":1999999999}"#, "key", Err("Token is expired")),
            (hs256, r#"{"username":"ann"}"#, "key", Err("token expiration required")),
            (hs256, r#"{"username":"ann","exp":"x"}"#, "key", Err("token expiration required")),
            (hs256, r#"{"username":"ann","exp":-1}"#, "key", Err("token expiration required")),
            (hs256, r#"{"username":"","exp":3e9}"#, "key", Err("token must contain a username")),
            (
                hs256,
                r#"{"username":1,"exp":3e9}"#,
                "key",
                Err("username in token must be a string"),
            ),
            (hs256, r#"{"exp":3e9}"#, "key", Err("username in token must be a string")),
            (
                hs256,
                r#"{"username":"a","exp":4e9,"nbf":3e9}"#,
                "key",
                Err("Token is not valid yet"),
            ),
            (
                hs256,
                r#"{"username":"a","exp":4e9,"iat":3e9}"#,
                "key",
                Err("Token used before issued"),
            ),
            (r#"{"alg":"none"}"#, "{}", "key", Err("unexpected signing method: none")),
            (r#"{"alg":"RS256"}"#, "{}", "key", Err("unexpected signing method: RS256")),
            (r#"{"typ":"JWT"}"#, "{}", "key", Err("signing method (alg) is unspecified.")),
        ];
        for (header, claims, secret, want) in cases {
            let got = user_of(&token(header, claims, secret), b"key", NOW);
            let want = want.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(got, want, "{header} {claims}");
        }
    }

    /// Made by another implementation: Python's `hmac`, with SHA-512.
    #[test]
    fn a_token_made_elsewhere() {
        let token = concat!(
            "eyJhbGciOiJIUzUxMiJ9.eyJ1c2VybmFtZSI6ImFkbWluIiwiZXhwIjo0MDAwMDAwMDAwfQ.",
            "bFX9hHYQ1beNX2aj9dYumIx5S3BnoRmpUXT9kob55gjrjKTkze3n5lmhprWCUeNyF5JQ1RUPeRwOuCl3B_IQYQ",
        );
        assert_eq!(user_of(token, b"my secret", NOW).as_deref(), Ok("admin"));
        assert_eq!(user_of(token, b"your secret", NOW).unwrap_err(), "signature is invalid");
    }

    #[test]
    fn damaged_tokens_are_refused() {
        let whole = token(r#"{"alg":"HS256"}"#, r#"{"username":"ann","exp":3000000000}"#, "key");
        assert!(user_of(&whole, b"key", NOW).is_ok());
        for at in 0..whole.len() {
            assert!(user_of(&whole[..at], b"key", NOW).is_err(), "cut at {at}");
            for bit in 0..7 {
                let mut bytes = whole.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let flipped = String::from_utf8(bytes).unwrap();
                assert!(user_of(&flipped, b"key", NOW).is_err(), "bit {bit} of {at}");
            }
        }
        for (text, want) in [
            ("", "token contains an invalid number of segments"),
            ("a.b", "token contains an invalid number of segments"),
            ("a.b.c", "illegal base64 data at input byte 1"),
        ] {
            assert_eq!(user_of(text, b"key", NOW).unwrap_err(), want);
        }
    }
}
