//! AWS Lambda.

mod function;
mod package;
mod permission;
mod retry;
mod tagging;

pub use function::Function;
pub use package::Package;
pub use permission::Permission;
