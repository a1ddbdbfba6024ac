//! Who asks, and whether they may.
//!
//! As in InfluxDB, where authentication is asked for and there is no administrator yet, requests come in without a
//! name, and the only statement answered is the one that makes an administrator.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use stripchart_core::Timestamp;

use super::InfluxDb;
use super::body::Body;
use super::credentials::Credentials;
use super::jwt;
use super::reply::Reply;
use super::wanted::Wanted;
use crate::ast::Query;
use crate::{AuthError, User};

/// Whether requests have to say who they are.
#[derive(Clone, Default)]
pub(super) struct Authentication {
    pub(super) required: bool,
    /// With which tokens are signed.
    pub(super) shared_secret: Option<Box<[u8]>>,
}

impl std::fmt::Debug for Authentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authentication")
            .field("required", &self.required)
            .field("tokens", &self.shared_secret.is_some())
            .finish()
    }
}

impl InfluxDb {
    /// Who asks, for paths of the server's own; InfluxDB's are asked for by [`InfluxDb::answer`].
    ///
    /// `None` if requests need not say who they are, or while there is no administrator.
    ///
    /// # Errors
    ///
    /// The response to send instead: 401, by which a browser asks for a name and a password.
    pub fn who_asks(
        &self,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Result<Option<User>, Box<Response<Body>>> {
        self.user(request, now).map_err(|refusal| Box::new(self.finish(request, refusal, now)))
    }

    /// Whether requests have to say who they are.
    #[must_use]
    pub fn authenticates(&self) -> bool {
        self.authentication.required
    }

    pub(super) fn user(
        &self,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Result<Option<User>, Reply> {
        if !self.authentication.required {
            return Ok(None);
        }
        let wanted = Wanted::by(request);
        let refuse = |error| self.refusal(wanted, StatusCode::UNAUTHORIZED, error);
        if !self.backend.has_admin().map_err(refuse)? {
            return Ok(None);
        }
        let forbidden = |message: &str| AuthError::Forbidden { message: message.to_owned() };
        let credentials = Credentials::of(request)
            .ok_or_else(|| refuse(forbidden("unable to parse authentication credentials")))?;
        match credentials {
            Credentials::Password { name, .. } if name.is_empty() => {
                Err(refuse(forbidden("username required")))
            }
            Credentials::Password { name, password } => {
                self.backend.authenticate(&name, &password).map(Some).map_err(refuse)
            }
            Credentials::Bearer(token) => {
                let secret = self.authentication.shared_secret.as_deref();
                let secret = secret.ok_or_else(|| refuse(forbidden("bearer auth disabled")))?;
                let name = jwt::user_of(&token, secret, now);
                let name = name.map_err(|why| refuse(AuthError::Forbidden { message: why }))?;
                let user = self.backend.user(&name).map_err(refuse)?;
                user.map(Some).ok_or_else(|| refuse(forbidden("user not found")))
            }
        }
    }

    /// Whether `user` may run `query`.
    pub(super) fn authorize(
        &self,
        user: Option<&User>,
        query: &Query,
        database: Option<&str>,
        wanted: Wanted,
    ) -> Result<(), Reply> {
        if !self.authentication.required {
            return Ok(());
        }
        let checked = self.backend.authorize(user, query, database);
        checked.map_err(|error| {
            let error = match error {
                AuthError::Forbidden { message } => {
                    AuthError::Forbidden { message: format!("error authorizing query: {message}") }
                }
                other => other,
            };
            self.refusal(wanted, StatusCode::FORBIDDEN, error)
        })
    }

    /// Whether `user` may write to `database`.
    pub(super) fn authorize_write(
        &self,
        user: Option<&User>,
        database: &str,
        wanted: Wanted,
    ) -> Result<(), Reply> {
        if !self.authentication.required {
            return Ok(());
        }
        let checked = match user {
            Some(user) => self.backend.authorize_write(user, database),
            None => Err(AuthError::Forbidden {
                message: format!("user is required to write to database {database:?}"),
            }),
        };
        checked.map_err(|error| self.refusal(wanted, StatusCode::FORBIDDEN, error))
    }

    /// The answer to whoever may not: with `status`, unless the users could not be read.
    fn refusal(&self, wanted: Wanted, status: StatusCode, error: AuthError) -> Reply {
        let status = match error {
            AuthError::Storage { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            _ => status,
        };
        if status == StatusCode::UNAUTHORIZED {
            self.counters.authentications_failed.add(1);
        }
        Reply::error(wanted, status, error.to_string())
    }
}
