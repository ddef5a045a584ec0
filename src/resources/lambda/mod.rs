//! AWS Lambda.

mod function;
mod package;
mod permission;

pub use function::Function;
pub use package::Package;
pub use permission::Permission;
