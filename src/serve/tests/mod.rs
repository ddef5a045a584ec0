//! Tests of the whole server.

mod http;
