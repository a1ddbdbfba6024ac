//! Who says to be asking: name and password, or a token, from where clients of InfluxDB put them.
//!
//! ```text
//! /query?u=NAME&p=PASSWORD                in the URL, which wins; never in a form
//! Authorization: Basic base64(NAME:PASSWORD)
//! Authorization: Token NAME:PASSWORD      clients of 2.x
//! Authorization: Bearer HEADER.CLAIMS.SIGNATURE
//! ```

use std::fmt;

use bytes::Bytes;
use http::Request;
use http::header::AUTHORIZATION;

use super::base64;
use super::form::Form;

/// What a request shows. Never printed in clear.
#[derive(PartialEq, Eq)]
pub(super) enum Credentials {
    /// A name and a password.
    Password {
        /// The name.
        name: String,
        /// The password.
        password: String,
    },
    /// A signed token.
    Bearer(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::Password { name, .. } => write!(f, "Password({name:?}, ...)"),
            Credentials::Bearer(_) => f.write_str("Bearer(...)"),
        }
    }
}

impl Credentials {
    /// Those of `request`, if it has any that can be read.
    pub(super) fn of(request: &Request<Bytes>) -> Option<Self> {
        let form = Form::of_url(request);
        if let (Some(name), Some(password)) = (form.filled("u"), form.filled("p")) {
            return Some(Credentials::password(name, password));
        }
        let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, rest) = header.split_once(' ')?;
        match scheme {
            "Bearer" if !rest.contains(' ') => Some(Credentials::Bearer(rest.to_owned())),
            "Token" => pair(rest),
            _ if scheme.eq_ignore_ascii_case("basic") => {
                pair(&String::from_utf8(base64::decode_standard(rest)?).ok()?)
            }
            _ => None,
        }
    }

    fn password(name: &str, password: &str) -> Self {
        Credentials::Password { name: name.to_owned(), password: password.to_owned() }
    }
}

/// `NAME:PASSWORD`, where the password may have colons.
fn pair(text: &str) -> Option<Credentials> {
    text.split_once(':').map(|(name, password)| Credentials::password(name, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_clients_put_them() {
        let password = |name: &str, password: &str| Some(Credentials::password(name, password));
        let bearer = |token: &str| Some(Credentials::Bearer(token.to_owned()));
        let cases = [
            ("/query", "", None),
            ("/query?u=ann&p=s%3Acret", "", password("ann", "s:cret")),
            ("/query?u=ann&p=1", "Basic Ym9iOjI=", password("ann", "1")),
            ("/query?u=ann&p=", "Basic Ym9iOjI=", password("bob", "2")),
            ("/query", "basic Ym9iOjI=", password("bob", "2")),
            ("/query", "Basic Ym9iOjI6Mw==", password("bob", "2:3")),
            ("/query", "Basic OjI=", password("", "2")),
            ("/query", "Basic Ym9i", None), // no colon
            ("/query", "Basic !!!", None),
            ("/query", "Basic", None),
            ("/query", "Token bob:2", password("bob", "2")),
            ("/query", "Token nocolon", None),
            ("/query", "Bearer a.b.c", bearer("a.b.c")),
            ("/query", "Bearer a b", None),
            ("/query", "Digest x", None),
        ];
        for (url, header, want) in cases {
            let mut request = Request::get(url);
            if !header.is_empty() {
                request = request.header(AUTHORIZATION, header);
            }
            let request = request.body(Bytes::new()).unwrap();
            assert_eq!(Credentials::of(&request), want, "{url} {header}");
        }
        let form = Request::post("/query")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from("u=ann&p=1"))
            .unwrap();
        assert_eq!(Credentials::of(&form), None, "a form is no place for a password");
    }

    #[test]
    fn a_password_is_not_printed() {
        let shown = format!("{:?}", Credentials::password("ann", "hunter2"));
        assert!(shown.contains("ann") && !shown.contains("hunter2"), "{shown}");
    }
}
