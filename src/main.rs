//! The `migrate-infra` command.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(migrate_infra::cli::main())
}
