//! All integration tests are modules of this one binary, because linking the SDK takes longer than running them.

mod cloudwatch;
mod iam;
mod lab;
mod logs;
mod network;
mod s3;
mod tagging;
