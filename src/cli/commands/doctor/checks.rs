//! What is checked besides the state.

use infra_base::clock::age;
use infra_config::{Config, ConfigError};
use infra_postgres::{ClientProgram, Programs};
use infra_workflow::Workspace;

use super::check::{Check, Status};
use crate::cli::error::CliError;
use crate::cli::explain::explain;
use crate::cli::options::GlobalOptions;

/// Checks the configuration.
pub(super) fn configuration(loaded: &Result<Config, ConfigError>) -> Check {
    let check = |status, detail: String| Check::new("configuration", status, detail);
    match loaded {
        Ok(config) => match infra_payment::stack::build(config) {
            Ok(graph) => {
                let (resources, environments) = (graph.nodes().len(), graph.environments().len());
                check(Status::Ok, format!("{resources} resources in {environments} environments"))
            }
            Err(error) => check(Status::Problem, "its graph is invalid".to_owned()).shown_only(error.to_string()),
        },
        Err(ConfigError::Read { path, source }) => {
            let check = check(Status::Problem, format!("it cannot be read ({})", source.kind()));
            check.shown_only(path.display().to_string())
        }
        Err(error @ ConfigError::Mistakes(_)) => {
            check(Status::Problem, format!("{error}; `migrate-infra config check` shows more"))
        }
    }
}

/// Checks the clock: it is not before the start of the last run.
pub(super) fn clock(last_run: Option<&str>) -> Check {
    match last_run {
        Some(at) if age(at).is_none() => {
            Check::new("clock", Status::Problem, "it is behind the start of the last run, or that is unreadable")
        }
        Some(_) => Check::new("clock", Status::Ok, "it is after the start of the last run"),
        None => Check::new("clock", Status::Skipped, "there is no run to compare it with"),
    }
}

/// Tells where credentials come from, without their values and names ("Standardized credential providers", AWS SDKs and
/// Tools reference guide).
pub(super) fn credentials(options: &GlobalOptions, config: Option<&Config>) -> Check {
    if options.sandbox {
        return Check::new("credentials", Status::Skipped, "the sandbox requires none");
    }
    let environments = config.map(|config| config.environments.as_slice()).unwrap_or_default();
    let profiles = environments.iter().filter(|one| !one.credentials.profile.is_empty()).count();
    let roles = environments.iter().filter(|one| one.credentials.assume_role.is_some()).count();
    let configured = match (profiles, roles) {
        (0, 0) => String::new(),
        _ => format!("; environments with an own profile: {profiles}, with a role to assume: {roles}"),
    };
    let detail = format!("{}{configured}", default_kind());
    Check::new("credentials", Status::Ok, detail)
}

/// Returns the first source of the standard chain that is there.
fn default_kind() -> &'static str {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from);
    let has_file = |name: &str| home.as_ref().is_some_and(|home| home.join(".aws").join(name).is_file());
    if is_set("AWS_ACCESS_KEY_ID") && is_set("AWS_SESSION_TOKEN") {
        "environment variables, temporary"
    } else if is_set("AWS_ACCESS_KEY_ID") {
        "environment variables, long-lived"
    } else if is_set("AWS_PROFILE") {
        "the profile in AWS_PROFILE"
    } else if is_set("AWS_WEB_IDENTITY_TOKEN_FILE") {
        "a web identity (OIDC)"
    } else if is_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") || is_set("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
        "a container"
    } else if has_file("credentials") || has_file("config") {
        "the default profile"
    } else {
        "none found; those of an instance, if this is one"
    }
}

/// Checks whether AWS accepts the credentials.
pub(super) async fn online(workspace: &Workspace, options: &GlobalOptions) -> Check {
    match workspace.connect().await {
        Ok(cloud) => {
            let missing = cloud.unreachable().len();
            let status = if missing == 0 { Status::Ok } else { Status::Problem };
            Check::new("AWS", status, format!("the credentials are accepted; accounts out of reach: {missing}"))
        }
        Err(error) => {
            let CliError { exit, what, causes, .. } = explain(options, error.into());
            let private = std::iter::once(what).chain(causes).collect::<Vec<_>>().join(": ");
            Check::new("AWS", Status::Problem, format!("it cannot be used (exit code {})", exit as u8))
                .shown_only(private)
        }
    }
}

/// Checks the programs of PostgreSQL, which `rehearse` and `replication start` use.
pub(super) async fn tools() -> Check {
    // It runs each program that it finds.
    let found = tokio::task::spawn_blocking(|| {
        let programs = Programs::all();
        let server = programs.choose(None).ok().map(|server| format!("postgres {}", server.version));
        let clients = [ClientProgram::PgDump, ClientProgram::PgRestore, ClientProgram::Psql];
        let clients = clients.into_iter().filter_map(|program| {
            let (_, version) = programs.client(program, 0).ok()?;
            Some(format!("{} {version}", program.name()))
        });
        server.into_iter().chain(clients).collect::<Vec<_>>()
    });
    match found.await.unwrap_or_default() {
        none if none.is_empty() => {
            Check::new("tools", Status::Note, "no programs of PostgreSQL: `rehearse` requires them")
        }
        some => Check::new("tools", Status::Ok, some.join(", ")),
    }
}
