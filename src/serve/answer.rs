//! What a request is answered with.

use std::convert::Infallible;

use bytes::Bytes;
use futures::StreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use infra_timeline::html::{SCRIPT, View, live_page};
use tokio::sync::watch;

use super::events::events;
use super::token::Token;

/// The content of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What the page may load: itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TEXT: &str = "text/plain; charset=utf-8";

/// What is served.
#[derive(Clone)]
pub(super) struct Site {
    /// The secret in its address.
    pub(super) token: Token,
    /// The names by which this server can be asked: `host:port`.
    pub(super) hosts: [String; 2],
    /// What is shown.
    pub(super) views: watch::Receiver<View>,
}

impl Site {
    /// Returns the answer to a request. The content of a request is never read.
    pub(super) fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        // A name of somebody else that leads to this machine (DNS rebinding) must not make a page of theirs ours.
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        if !host.is_some_and(|host| self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host))) {
            return text(StatusCode::MISDIRECTED_REQUEST, "this server has another address\n");
        }
        let Some(path) = self.token.after(request.uri().path()) else {
            return text(StatusCode::NOT_FOUND, "there is no such page; the address has a secret part\n");
        };
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "this page can only be read\n");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match path {
            "/" => whole(StatusCode::OK, "text/html; charset=utf-8", live_page(&self.views.borrow())),
            "/live.js" => whole(StatusCode::OK, "text/javascript; charset=utf-8", SCRIPT),
            "/view" => {
                let view = serde_json::to_string(&*self.views.borrow()).unwrap_or_default();
                whole(StatusCode::OK, "application/json", view)
            }
            "/events" => {
                let body = StreamBody::new(events(self.views.clone()).boxed());
                answer(StatusCode::OK, "text/event-stream", body.boxed_unsync())
            }
            "" => {
                let mut answer = text(StatusCode::PERMANENT_REDIRECT, "");
                if let Ok(place) = HeaderValue::from_str(&format!("/{}/", self.token.as_str())) {
                    answer.headers_mut().insert(LOCATION, place);
                }
                answer
            }
            _ => text(StatusCode::NOT_FOUND, "there is no such page\n"),
        }
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    whole(status, TEXT, text)
}

fn whole(status: StatusCode, kind: &'static str, content: impl Into<Bytes>) -> Response<Body> {
    answer(status, kind, Full::new(content.into()).boxed_unsync())
}

fn answer(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    answer.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    answer
}
